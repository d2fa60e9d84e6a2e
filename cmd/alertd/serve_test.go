package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// event has the fields that these tests check.
type event struct {
	ID       string `json:"event_id"`
	Severity string `json:"severity"`
	Category string `json:"category"`
	Source   string `json:"source"`
	Message  string `json:"message"`
	Context  json.RawMessage
	Seq      int
}

func TestAlertIsReadBack(t *testing.T) {
	p := start(t, "[alerting]\nenabled = true\nmin_severity = \"warning\"\n")
	stream := p.openStream()

	registered := p.post("/alerts", breach)
	require.Equal(t, http.StatusCreated, registered.status, registered.body)
	var e event
	registered.into(t, &e)
	require.Equal(t, event{
		ID: e.ID, Severity: "error", Category: "risk_limit", Source: "var_gate", Message: "VaR limit breached: 0.05 > 0.03",
		Context: json.RawMessage(`{"current_var":0.05,"limit":0.03}`), Seq: 1,
	}, e)
	filtered := p.post("/alerts", notice)
	require.Equal(t, http.StatusOK, filtered.status)
	require.JSONEq(t, `{"registered":false,"reason":"severity info is below min_severity warning"}`, filtered.body)
	require.Equal(t, http.StatusUnprocessableEntity, p.post("/alerts", `{}`).status)

	// It belongs to an incident once it is folded.
	withoutIncident := func(body string) string {
		return regexp.MustCompile(`,"incident_id":"[0-9a-f-]{36}"`).ReplaceAllString(body, "")
	}
	require.Equal(t, `{"events":[`+strings.TrimSpace(registered.body)+`],"next_cursor":null}`+"\n", withoutIncident(p.get("/events").body))
	require.Equal(t, registered.body, withoutIncident(p.get(registered.header.Get("Location")).body))
	require.Equal(t, "id: 1\nevent: alert\ndata: "+registered.body, stream.message())

	var stats struct {
		Total   int                                                      `json:"total_events"`
		Enabled bool                                                     `json:"alerting_enabled"`
		Since   struct{ Registered, Filtered, Rejected, Dispatched int } `json:"since_start"`
	}
	p.get("/stats").into(t, &stats)
	require.Equal(t, 1, stats.Total)
	require.True(t, stats.Enabled)
	require.Equal(t, struct{ Registered, Filtered, Rejected, Dispatched int }{1, 1, 1, 1}, stats.Since)

	metrics := p.get("/metrics").body
	for _, line := range []string{
		`alertd_events_total{category="risk_limit",severity="error"} 1`,
		`alertd_events_filtered_total{category="other",severity="info"} 1`,
		`alertd_alerts_rejected_total{reason="invalid"} 1`,
		`alertd_buffer_events 1`,
		`alertd_streams 1`,
		`alertd_http_requests_total{code="201",method="POST",route="/alerts"} 1`,
		`alertd_config_last_reload_successful 1`,
	} {
		require.Contains(t, metrics, "\n"+line+"\n")
	}
	require.Contains(t, metrics, "\ngo_goroutines ")
	require.Contains(t, metrics, "\nprocess_start_time_seconds ")
	require.Contains(t, metrics, `goversion="`+runtime.Version()+`"`)
}

func TestVersionAgrees(t *testing.T) {
	var stdout, stderr strings.Builder
	require.Equal(t, exitOK, run(t.Context(), []string{"version", "--json"}, &stdout, &stderr), stderr.String())
	require.JSONEq(t, stdout.String(), start(t, "").get("/version").body)
}

func TestDefaultsWithoutAFileAreSafe(t *testing.T) {
	p := start(t, noFile)
	require.Contains(t, p.log.String(), `"level":"WARN","msg":"configuration warning","warning":"`+p.config+
		` does not exist: safe defaults are in force (alerting is disabled, min_severity warning, no channels)"`)
	var config struct {
		Alerting struct {
			Enabled     bool
			MinSeverity string `json:"min_severity"`
			BufferSize  int    `json:"buffer_size"`
			Channels    map[string]any
		}
	}
	p.get("/config").into(t, &config)
	require.False(t, config.Alerting.Enabled)
	require.Equal(t, "warning", config.Alerting.MinSeverity)
	require.Equal(t, 1000, config.Alerting.BufferSize)
	require.Empty(t, config.Alerting.Channels)
}

func TestSectionFlag(t *testing.T) {
	p := start(t, "[alerting]\nmin_severity = \"critical\"\n[custom_alerts]\nmin_severity = \"info\"\n", "--section", "custom_alerts")
	require.Equal(t, http.StatusCreated, p.post("/alerts", notice).status)
}

func TestServerLimits(t *testing.T) {
	p := start(t, "[server]\nmax_body = \"1KiB\"\nmax_streams = 1\n[alerting]\nbuffer_size = 2\n")
	require.Equal(t, http.StatusRequestEntityTooLarge, p.post("/alerts", strings.Repeat(" ", 1024)+breach).status)
	for range 3 {
		require.Equal(t, http.StatusCreated, p.post("/alerts", breach).status)
	}
	var stats struct{ Buffer, History map[string]any }
	p.get("/stats").into(t, &stats)
	require.InDelta(t, 64<<20, stats.Buffer["bytes_capacity"], 0)
	require.Positive(t, stats.Buffer["bytes"])
	delete(stats.Buffer, "bytes")
	delete(stats.Buffer, "bytes_capacity")
	require.Equal(t, map[string]any{"size": 2., "capacity": 2.}, stats.Buffer)
	require.InDelta(t, 3, stats.History["events"], 0)
	p.openStream()
	require.Equal(t, http.StatusServiceUnavailable, p.get("/events/stream").status)
}
