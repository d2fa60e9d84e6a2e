package metrics_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/metrics"
)

// pair writes a series of a severity and a category.
func pair(name string, severity alerting.Severity, category alerting.Category) string {
	return fmt.Sprintf(`%s{category=%q,severity=%q}`, name, category, severity)
}

func TestEveryPairExistsFromStart(t *testing.T) {
	values := series(t, newParts(t).registry)
	for _, name := range []string{"alertd_events_total", "alertd_events_filtered_total"} {
		require.Len(t, only(values, name+"{"), 40)
		for _, severity := range []string{"debug", "info", "warning", "error", "critical"} {
			for _, category := range []string{"risk_limit", "position_violation", "execution_error", "data_quality", "system_health", "compliance", "performance", "other"} {
				key := fmt.Sprintf(`%s{category=%q,severity=%q}`, name, category, severity)
				require.Contains(t, values, key)
				require.Zero(t, values[key])
			}
		}
	}
	require.Equal(t, map[string]float64{
		`alertd_alerts_rejected_total{reason="malformed"}`: 0, `alertd_alerts_rejected_total{reason="invalid"}`: 0,
		`alertd_alerts_rejected_total{reason="too_large"}`: 0, `alertd_alerts_rejected_total{reason="unsupported_media_type"}`: 0,
		`alertd_alerts_rejected_total{reason="unavailable"}`: 0, `alertd_alerts_rejected_total{reason="source"}`: 0,
	}, only(values, "alertd_alerts_rejected_total"))
}

// totalsSource is a source with numbers of the test.
type totalsSource struct {
	totals alerting.Totals
	taken  int
}

func (s *totalsSource) Totals() alerting.Totals {
	s.taken++
	return s.totals
}

func TestEachCountHasItsSeries(t *testing.T) {
	source := &totalsSource{totals: alerting.Totals{
		Rejected: map[alerting.RejectReason]uint64{
			alerting.RejectMalformed: 1, alerting.RejectInvalid: 2, alerting.RejectTooLarge: 3, alerting.RejectUnsupported: 4,
			alerting.RejectUnavailable: 9, alerting.RejectSource: 10,
		},
		Duplicate: 5, Dispatched: 6, BufferSize: 7, BufferCapacity: 8, BufferBytes: 9, BufferBytesCapacity: 10,
	}}
	want := map[string]float64{
		`alertd_alerts_rejected_total{reason="malformed"}`: 1, `alertd_alerts_rejected_total{reason="invalid"}`: 2,
		`alertd_alerts_rejected_total{reason="too_large"}`: 3, `alertd_alerts_rejected_total{reason="unsupported_media_type"}`: 4,
		`alertd_alerts_rejected_total{reason="unavailable"}`: 9, `alertd_alerts_rejected_total{reason="source"}`: 10,
		"alertd_alerts_duplicate_total": 5, "alertd_events_dispatched_total": 6, "alertd_buffer_events": 7, "alertd_buffer_capacity": 8, "alertd_buffer_bytes": 9, "alertd_buffer_capacity_bytes": 10,
	}
	n := uint64(100)
	for i, severity := range alerting.Severities() {
		for j, category := range alerting.Categories() {
			source.totals.Registered[i][j], source.totals.Filtered[i][j] = n, 1000+n
			want[pair("alertd_events_total", severity, category)] = float64(n)
			want[pair("alertd_events_filtered_total", severity, category)] = float64(1000 + n)
			n++
		}
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.NewEvents(source))
	require.Equal(t, want, series(t, registry))
}

func TestCountsAreOfOneMoment(t *testing.T) {
	source := &totalsSource{}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewEvents(source))
	for scrapes := 1; scrapes <= 3; scrapes++ {
		series(t, registry)
		require.Equal(t, scrapes, source.taken, "one snapshot a scrape")
	}
}

func TestCountsFollowAlerts(t *testing.T) {
	p := newParts(t) // accepts warnings and above, and keeps 3
	first := p.register(t, alerting.SeverityError, alerting.CategoryRiskLimit, "var_gate")
	again, err := p.manager.Register(t.Context(), alerting.Alert{
		EventID: first.Event.ID(), Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: "var_gate", Message: "breach",
	})
	require.NoError(t, err)
	require.Equal(t, alerting.OutcomeDuplicate, again.Outcome)
	for range 4 {
		p.register(t, alerting.SeverityCritical, alerting.CategoryCompliance, "var_gate")
	}
	p.register(t, alerting.SeverityInfo, alerting.CategoryOther, "var_gate")
	p.register(t, alerting.SeverityInfo, alerting.CategoryOther, "var_gate")
	p.manager.CountRejected(alerting.RejectTooLarge, 3)

	values := series(t, p.registry)
	want := map[string]float64{
		pair("alertd_events_total", alerting.SeverityError, alerting.CategoryRiskLimit):     1,
		pair("alertd_events_total", alerting.SeverityCritical, alerting.CategoryCompliance): 4,
		pair("alertd_events_filtered_total", alerting.SeverityInfo, alerting.CategoryOther): 2,
		`alertd_alerts_rejected_total{reason="too_large"}`:                                  3,
		"alertd_alerts_duplicate_total":                                                     1,
		"alertd_events_dispatched_total":                                                    5,
		"alertd_buffer_events":                                                              3,
		"alertd_buffer_capacity":                                                            3,
	}
	for name, value := range values {
		if _, ok := want[name]; !ok && (strings.HasPrefix(name, "alertd_events") || strings.HasPrefix(name, "alertd_alerts")) {
			require.Zero(t, value, name)
		}
	}
	for name, value := range want {
		require.Contains(t, values, name)
		require.InDelta(t, value, values[name], 0, name)
	}

	require.NoError(t, p.manager.Reconfigure(alerting.Config{MinSeverity: alerting.SeverityDebug, BufferSize: 2}))
	p.register(t, alerting.SeverityInfo, alerting.CategoryOther, "var_gate")
	values = series(t, p.registry)
	require.InDelta(t, 2, values["alertd_buffer_events"], 0)
	require.InDelta(t, 2, values["alertd_buffer_capacity"], 0)
	require.InDelta(t, 1, values[pair("alertd_events_total", alerting.SeverityInfo, alerting.CategoryOther)], 0)
	require.InDelta(t, 5, values["alertd_events_dispatched_total"], 0, "it is no longer enabled")
}

func TestCollectorIsRegisteredOnce(t *testing.T) {
	p := newParts(t)
	require.Error(t, p.registry.Register(metrics.NewEvents(p.manager)))
}
