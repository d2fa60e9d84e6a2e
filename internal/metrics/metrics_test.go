package metrics_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
)

// busy returns alertd's metrics after some of every activity.
func busy(tb testing.TB) *parts {
	tb.Helper()
	p := newParts(tb)
	for _, source := range []string{"var_gate", "stress_gate", "kill_switch"} {
		p.register(tb, alerting.SeverityError, alerting.CategoryRiskLimit, source)
		p.register(tb, alerting.SeverityInfo, alerting.CategoryOther, source)
	}
	p.http.Route(http.MethodPost, "/alerts").Observe(http.StatusCreated, time.Millisecond)
	p.http.Route(http.MethodGet, "/events/{event_id}").Observe(http.StatusNotFound, time.Millisecond)
	p.delivery.Configure([]string{"slack"})
	p.delivery.Attempted("slack", channel.Delivered, time.Millisecond)
	p.delivery.Attempted("var_gate", channel.Transient, time.Millisecond)
	p.delivery.Finished("stress_gate", delivery.Failed)
	p.refusals.Count("var_gate")
	p.http.ObserveUnmatched("VAR_GATE", http.StatusMethodNotAllowed, time.Millisecond)
	return p
}

func TestMetricsAreNamedAndExplained(t *testing.T) {
	p := busy(t)
	problems, err := testutil.GatherAndLint(p.registry)
	require.NoError(t, err)
	require.Empty(t, problems)
	families, err := p.registry.Gather()
	require.NoError(t, err)
	require.NotEmpty(t, families)
	for _, family := range families {
		require.Regexp(t, `^alertd_`, family.GetName())
		require.NotEmpty(t, family.GetHelp(), family.GetName())
	}
}

// A label with values from outside makes a series for each value, and Prometheus keeps them
// all.
func TestNoLabelTakesInput(t *testing.T) {
	p := busy(t)
	require.Equal(t, map[string][]string{
		"alertd_events_total":                  {"category", "severity"},
		"alertd_events_filtered_total":         {"category", "severity"},
		"alertd_alerts_rejected_total":         {"reason"},
		"alertd_alerts_duplicate_total":        nil,
		"alertd_events_dispatched_total":       nil,
		"alertd_buffer_events":                 nil,
		"alertd_buffer_capacity":               nil,
		"alertd_buffer_bytes":                  nil,
		"alertd_buffer_capacity_bytes":         nil,
		"alertd_http_requests_total":           {"code", "method", "route"},
		"alertd_http_request_duration_seconds": {"method", "route"},
		"alertd_http_refused_total":            {"reason"},
		"alertd_streams":                       nil,
		"alertd_build_info":                    {"commit", "goversion", "version"},
		"alertd_log_commits_total":             nil,
		"alertd_log_commit_seconds_total":      nil,
		"alertd_log_failures_total":            nil,
		"alertd_log_unsettled_commits_total":   nil,
		"alertd_log_queue_full_total":          nil,
		"alertd_log_deleted_events_total":      nil,
		"alertd_log_deleted_incidents_total":   nil,
		"alertd_log_queue_bytes":               nil,
		"alertd_log_queue_capacity_bytes":      nil,
		"alertd_log_unindexed_events":          nil,
		"alertd_log_writable":                  nil,
		"alertd_log_records_dropped_total":     nil,
		"alertd_deliveries_total":              {"channel", "outcome"},
		"alertd_delivery_duration_seconds":     {"channel"},
		"alertd_template_failures_total":       {"channel"},
		"alertd_incidents_opened_total":        nil,
		"alertd_notices_total":                 {"reason"},
		"alertd_held_back_total":               {"reason"},
		"alertd_dispatch_lag_seconds":          nil,
	}, labelNames(t, p.registry))
	for name := range series(t, p.registry) {
		for _, outside := range []string{"var_gate", "stress_gate", "kill_switch", "breach"} {
			require.NotContains(t, strings.ToLower(name), outside)
		}
	}
}

func TestEventSeriesDoNotGrow(t *testing.T) {
	p := newParts(t)
	before := series(t, p.registry)
	for _, source := range []string{"a", "b", "c"} {
		for _, severity := range alerting.Severities() {
			for _, category := range alerting.Categories() {
				p.register(t, severity, category, source)
			}
		}
	}
	require.Len(t, series(t, p.registry), len(before))
}
