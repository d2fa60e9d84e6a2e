package incident_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

func TestViewOmitsEmptyTimes(t *testing.T) {
	id, err := incident.ParseID("019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55")
	require.NoError(t, err)
	at := time.Date(2026, 3, 2, 10, 30, 0, 123456000, time.FixedZone("CET", 3600))
	i := incident.Incident{
		ID: id, Number: 12, Fingerprint: incident.Fingerprint{0xab, 15: 0x01}, Pattern: "VaR limit breached: # > #",
		Grouping: incident.ByMessage, Status: incident.Triggered, Severity: alerting.SeverityCritical,
		Category: alerting.CategoryRiskLimit, Source: "var_gate", Message: "VaR limit breached: 0.05 > 0.03", Count: 3,
		FirstSeen: at, LastSeen: at.Add(time.Minute), ToldAt: at, Notices: 2, UpdateDue: at,
	}
	const want = `{"incident_id":"019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55","number":12,"status":"triggered","severity":"critical",` +
		`"category":"risk_limit","source":"var_gate","message":"VaR limit breached: 0.05 > 0.03","count":3,"generation":1,` +
		`"first_seen":"2026-03-02T09:30:00.123456Z","last_seen":"2026-03-02T09:31:00.123456Z",` +
		`"fingerprint":"ab000000000000000000000000000001","grouped_by":"message","pattern":"VaR limit breached: # > #"`
	shown, err := json.Marshal(i.View())
	require.NoError(t, err)
	assert.Equal(t, want+"}", string(shown))

	i.AcknowledgedAt, i.AcknowledgedBy = at.Add(2*time.Minute), "ada"
	i.ResolvedAt, i.ResolvedBy = at.Add(3*time.Minute), "grace"
	shown, err = json.Marshal(i.View())
	require.NoError(t, err)
	assert.Equal(t, want+`,"acknowledged_at":"2026-03-02T09:32:00.123456Z","acknowledged_by":"ada",`+
		`"resolved_at":"2026-03-02T09:33:00.123456Z","resolved_by":"grace"}`, string(shown))

	i.Route, i.Flapping, i.Hold = "risk", &incident.Flapping{Since: at}, &incident.Hold{Holder: "window nights", Why: "it is night", Since: at}
	shown, err = json.Marshal(i.View())
	require.NoError(t, err)
	assert.Contains(t, string(shown), `,"route":"risk","held":{"by":"window nights","reason":"it is night","since":"2026-03-02T09:30:00.123456Z","until":null},"flapping":true}`)
	i.Hold.Until = at.Add(time.Hour)
	assert.Equal(t, "2026-03-02T10:30:00.123456Z", *i.View().Held.Until)
}
