package alerting_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
)

// anyAlert draws an alert with texts that are hard to quote.
func anyAlert(t *rapid.T) alerting.Alert {
	text := rapid.StringOfN(rapid.RuneFrom([]rune(`ab"\{}:, é🚨`+"\n\t\u2028\x7f")), 1, 30, -1)
	alert := alerting.Alert{
		Severity: rapid.SampledFrom(alerting.Severities()).Draw(t, "severity"),
		Category: rapid.SampledFrom(alerting.Categories()).Draw(t, "category"),
		Source:   "s" + text.Draw(t, "source") + "s",
		Message:  "m" + text.Draw(t, "message"),
	}
	contexts := []string{``, `{}`, `{"a": 1.50}`, `{"x":",\"seq\":9,\"received_at\":\"","seq":1}`, `{"s":{"seq":3,"received_at":"no"} }`}
	if context := rapid.SampledFrom(contexts).Draw(t, "context"); context != "" {
		alert.Context, _ = alerting.ParseContext([]byte(context))
	}
	if rapid.Bool().Draw(t, "has dedup key") {
		alert.DedupKey = `,"seq":7,` + text.Draw(t, "dedup key")
	}
	alert.Resolves = rapid.Bool().Draw(t, "resolves")
	if rapid.Bool().Draw(t, "has times") {
		alert.Timestamp = time.UnixMicro(rapid.Int64Range(1, 253_402_300_799_999_999).Draw(t, "timestamp"))
		alert.ReceivedAt = time.UnixMicro(rapid.Int64Range(1, 253_402_300_799_999_999).Draw(t, "received at"))
	}
	return alert
}

func TestWhatAnEventWritesIsReadBackTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draft, err := alerting.NewDraft(rapid.Custom(anyAlert).Draw(t, "alert"), time.UnixMicro(1_766_831_400_000_812))
		require.NoError(t, err)
		event := draft.Finish(alerting.Seq(rapid.Int64Min(1).Draw(t, "seq")))
		loaded, err := alerting.LoadEvent(event.JSON(), false)
		require.NoError(t, err)
		require.Equal(t, event, loaded)
	})
}

func TestADamagedEventIsNotReadBack(t *testing.T) {
	draft, err := alerting.NewDraft(alerting.Alert{
		Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: `s"`, Message: "m", DedupKey: "k", Resolves: true,
	}, time.UnixMicro(1_766_831_400_000_812))
	require.NoError(t, err)
	whole := draft.Finish(7).JSON()
	for n := range len(whole) {
		_, err := alerting.LoadEvent(whole[:n], false)
		require.Error(t, err, "cut after %d bytes", n)
	}
	for _, damage := range [][2]string{
		{"2025", "x025"},
		{`"error"`, `"loud"`},
		{"risk_limit", "weather"},
		{`"seq":7`, `"seq":-7`},
		{`"seq":7`, `"sex":7`},
		{`"message":"m"`, `"message":m`},
		{`"dedup_key":"k"`, `"dedup_key":"k" `},
		{`"resolves":true}`, `"resolves":true} `},
		{`"resolves":true`, `"resolves":false`},
		{`"dedup_key"`, `"other_key"`},
	} {
		_, err := alerting.LoadEvent(strings.Replace(whole, damage[0], damage[1], 1), false)
		require.EqualError(t, err, "not an event as alertd writes it", damage)
	}
	_, err = alerting.NewDraft(alerting.Alert{}, time.Now())
	requireInvalid(t, err, "source", "missing")
}

func TestARecordIsAnAlertWithWhatItsLogKnew(t *testing.T) {
	alert := varBreach()
	alert.DedupKey, alert.Resolves = "desk", true
	event := register(t, newManager(t, everything(1)), alert)
	record, err := alerting.DecodeRecord([]byte(strings.TrimSuffix(event.JSON(), "}") + `,"incident_id":"x"}`))
	require.NoError(t, err)
	require.Equal(t, event.ID(), record.EventID)
	require.Equal(t, event.Timestamp(), record.Timestamp)
	require.Equal(t, event.ReceivedAt(), record.ReceivedAt)
	require.Equal(t, "desk", record.DedupKey)
	require.True(t, record.Resolves)

	draft, err := alerting.NewDraft(record, time.Now())
	require.NoError(t, err)
	require.Equal(t, event.JSON(), draft.Finish(event.Seq()).JSON(), "registered elsewhere it is the same")

	_, err = alerting.DecodeAlert([]byte(event.JSON()))
	requireInvalid(t, err, "received_at", "is not a known field")
	_, err = alerting.DecodeRecord([]byte(minimal + `,"received_at":"today"}`))
	requireInvalid(t, err, "received_at", "RFC 3339")
	_, err = alerting.DecodeRecord([]byte(minimal + `,"received_at":"1969-01-01T00:00:00Z"}`))
	requireInvalid(t, err, "received_at", "1970")
}
