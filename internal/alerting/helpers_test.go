package alerting_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

// varBreach is the seed's example.
func varBreach() alerting.Alert {
	return alerting.Alert{
		Severity: alerting.SeverityError,
		Category: alerting.CategoryRiskLimit,
		Source:   "var_gate",
		Message:  "VaR limit breached: 0.05 > 0.03",
	}
}

// everything is a configuration that registers and dispatches every severity.
func everything(bufferSize int) alerting.Config {
	return alerting.Config{Enabled: true, MinSeverity: alerting.SeverityDebug, BufferSize: bufferSize}
}

func newManager(tb testing.TB, config alerting.Config) *alerting.Manager {
	tb.Helper()
	manager, err := alerting.NewManager(config, nil)
	require.NoError(tb, err)
	return manager
}

func register(tb testing.TB, manager *alerting.Manager, alert alerting.Alert) *alerting.Event {
	tb.Helper()
	result, err := manager.Register(context.Background(), alert) //nolint:usetesting // also used in benchmarks and after a test's context
	require.NoError(tb, err)
	require.Equal(tb, alerting.OutcomeRegistered, result.Outcome)
	return result.Event
}

// fill registers n alerts whose message is their number, with sources and
// severities in turn.
func fill(tb testing.TB, manager *alerting.Manager, n int) {
	tb.Helper()
	for i := range n {
		alert := varBreach()
		alert.Severity = alerting.Severities()[i%5]
		alert.Category = alerting.Categories()[i%8]
		alert.Source = []string{"var_gate", "stress_gate", "kill_switch"}[i%3]
		register(tb, manager, alert)
	}
}

// taken returns the numbers of the events that wait for a subscriber.
func taken(tb testing.TB, s *alerting.Subscription) []alerting.Seq {
	tb.Helper()
	select {
	case <-s.Ready():
	default:
		require.Fail(tb, "nothing is ready")
	}
	events, open := s.Take()
	require.True(tb, open)
	return seqs(events)
}

func seqs(events []*alerting.Event) []alerting.Seq {
	numbers := make([]alerting.Seq, 0, len(events))
	for _, event := range events {
		numbers = append(numbers, event.Seq())
	}
	return numbers
}

func requireInvalid(tb testing.TB, err error, field, contains string) {
	tb.Helper()
	var invalid *alerting.Error
	require.ErrorAs(tb, err, &invalid)
	require.Equal(tb, alerting.CodeInvalid, invalid.Code)
	for _, problem := range invalid.Fields {
		if problem.Field == field {
			require.Contains(tb, problem.Message, contains)
			return
		}
	}
	require.Failf(tb, "no problem with the field", "%s: %v", field, err)
}

func decodeEvent(tb testing.TB, event *alerting.Event) map[string]any {
	tb.Helper()
	var fields map[string]any
	require.NoError(tb, json.Unmarshal([]byte(event.JSON()), &fields))
	return fields
}

func at(tb testing.TB, text string) time.Time {
	tb.Helper()
	t, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(tb, err)
	return t
}
