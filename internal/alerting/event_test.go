package alerting_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

func TestAnEventsJSONIsTheSeedsDictThenTheLogsFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alert := varBreach()
		alert.Context, _ = alerting.ParseContext([]byte(`{ "position":"BTC-EUR", "current_var": 0.0500 }`))
		alert.EventID, _ = alerting.ParseEventID("019B5F2C-7A3E-7C4D-9F10-2B6C8D1E4A55")
		alert.Timestamp = time.Date(2025, 12, 27, 11, 30, 0, 123456789, time.FixedZone("", 3600))
		alert.DedupKey, alert.Resolves = `desk "7"`, true
		event := register(t, newManager(t, everything(10)), alert)
		const want = `{"event_id":"019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55","timestamp":"2025-12-27T10:30:00.123456Z",` +
			`"severity":"error","category":"risk_limit","source":"var_gate","message":"VaR limit breached: 0.05 > 0.03",` +
			`"context":{ "position":"BTC-EUR", "current_var": 0.0500 },"seq":1,"received_at":"2000-01-01T00:00:00.000000Z",` +
			`"dedup_key":"desk \"7\"","resolves":true}`
		require.Equal(t, want, event.JSON())
		text, err := event.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, want, string(text))
		require.Equal(t, `{ "position":"BTC-EUR", "current_var": 0.0500 }`, event.Context().String())
	})
}

func TestAnEventGetsIDTimeAndAnEmptyContextByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		event := register(t, newManager(t, everything(10)), varBreach())
		require.False(t, event.ID().IsZero())
		require.Equal(t, time.Now().UTC(), event.Timestamp())
		require.Equal(t, event.Timestamp(), event.ReceivedAt())
		require.Equal(t, "{}", event.Context().String())
		require.Equal(t, alerting.SeverityError, event.Severity())
		require.Equal(t, alerting.CategoryRiskLimit, event.Category())
		require.Equal(t, "var_gate", event.Source())
		require.Equal(t, "VaR limit breached: 0.05 > 0.03", event.Message())
		require.Empty(t, event.DedupKey())
		require.False(t, event.Resolves())
		require.NotContains(t, decodeEvent(t, event), "dedup_key")
		require.NotContains(t, decodeEvent(t, event), "resolves")
		require.Equal(t, event.ID().String(), decodeEvent(t, event)["event_id"])
	})
}

func TestTextIsQuotedSoThatItReadsBackTheSame(t *testing.T) {
	alert := varBreach()
	alert.Message = "quote \" backslash \\ newline \n tab \t <html> \u2028 émoji 🚨 \x7f \x01"
	event := register(t, newManager(t, everything(1)), alert)
	require.True(t, json.Valid([]byte(event.JSON())))
	require.Equal(t, alert.Message, decodeEvent(t, event)["message"])
	require.Contains(t, event.JSON(), "<html>", "nothing is escaped for HTML")
}

func TestTimesAlwaysHaveSixDigits(t *testing.T) {
	require.Equal(t, "2025-12-27T10:30:00.000000Z", alerting.FormatTime(time.Date(2025, 12, 27, 11, 30, 0, 0, time.FixedZone("", 3600))))
}
