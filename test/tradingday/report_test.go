package tradingday_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/test/tradingday"
)

// sent returns an alert about a problem.
func sent(at time.Duration, problem string, severity alerting.Severity) tradingday.Alert {
	return tradingday.Alert{At: at, Problem: problem, Body: tradingday.Body{Severity: severity}}
}

// came returns a message about a problem.
func came(at time.Duration, problem string, severity alerting.Severity) tradingday.Message {
	return tradingday.Message{At: at, Channel: "desk", Incident: problem, Opened: at - 2*time.Second, About: map[string]alerting.Severity{problem: severity}}
}

func digest(at time.Duration, problem string, severity alerting.Severity) tradingday.Message {
	m := came(at, problem, severity)
	m.Digest, m.Incident = true, ""
	return m
}

const (
	warning  = alerting.SeverityWarning
	critical = alerting.SeverityCritical
)

func TestCriticalProblemIsToldByAMessageThatSaysSo(t *testing.T) {
	alerts := []tradingday.Alert{
		sent(1*time.Second, "VaR", warning), sent(5*time.Second, "VaR", critical), sent(9*time.Second, "VaR", critical),
	}
	for _, c := range []struct {
		name     string
		messages []tradingday.Message
		want     tradingday.Delays
		digest   []string
	}{
		{"nothing", nil, tradingday.Delays{Count: 1, Never: []string{"VaR"}}, nil},
		{
			"less severe",
			[]tradingday.Message{came(2*time.Second, "VaR", warning)},
			tradingday.Delays{Count: 1, Never: []string{"VaR"}},
			nil,
		},
		{
			"in a digest only",
			[]tradingday.Message{digest(6*time.Second, "VaR", critical)},
			tradingday.Delays{Count: 1, Never: []string{"VaR"}},
			[]string{"VaR"},
		},
		{
			"in a digest first",
			[]tradingday.Message{digest(6*time.Second, "VaR", critical), came(8*time.Second, "VaR", critical), came(7*time.Second, "VaR", critical)},
			tradingday.Delays{Count: 1, Median: 2 * time.Second, P99: 2 * time.Second, Max: 2 * time.Second},
			nil,
		},
		{
			"late",
			[]tradingday.Message{came(1*time.Second, "VaR", warning), came(16*time.Second, "VaR", critical)},
			tradingday.Delays{Count: 1, Median: 11 * time.Second, P99: 11 * time.Second, Max: 11 * time.Second, Late: []string{"VaR"}},
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := tradingday.Measure(alerts, c.messages)
			require.Equal(t, c.want, r.Critical)
			require.Equal(t, c.digest, r.OnlyInDigest)
			require.Zero(t, r.Others.Count)
		})
	}
}

func TestOtherProblemIsToldByAnyMessage(t *testing.T) {
	alerts := []tradingday.Alert{sent(time.Second, "latency", warning), sent(2*time.Second, "queue", warning)}
	r := tradingday.Measure(alerts, []tradingday.Message{digest(3*time.Second, "latency", warning), came(5*time.Second, "queue", warning)})
	require.Equal(t, tradingday.Delays{Count: 2, Median: 2 * time.Second, P99: 3 * time.Second, Max: 3 * time.Second}, r.Others)
	require.Zero(t, r.Critical.Count)
}

func TestExplainedProblemNeedsNoMessage(t *testing.T) {
	explained := sent(time.Second, "batch", warning)
	explained.Explained = "nightly batch"
	r := tradingday.Measure([]tradingday.Alert{explained}, nil)
	require.Equal(t, 1, r.Explicable)
	require.Zero(t, r.Explained)
	require.Zero(t, r.Others.Count)
	r = tradingday.Measure([]tradingday.Alert{explained}, []tradingday.Message{digest(2*time.Second, "batch", warning)})
	require.Equal(t, 1, r.Explained)
}

func ExampleTable() {
	alerts := []tradingday.Alert{
		sent(8*time.Hour, "VaR of BTC-EUR", alerting.SeverityCritical),
		sent(9*time.Hour, "latency", alerting.SeverityWarning),
		sent(9*time.Hour+time.Second, "latency", alerting.SeverityWarning),
	}
	quick := tradingday.Measure(alerts, []tradingday.Message{
		came(8*time.Hour+time.Second/2, "VaR of BTC-EUR", alerting.SeverityCritical), came(9*time.Hour+5*time.Second, "latency", alerting.SeverityWarning),
	})
	slow := tradingday.Measure(alerts, []tradingday.Message{came(8*time.Hour+30*time.Second, "VaR of BTC-EUR", alerting.SeverityCritical)})
	_ = tradingday.Table(os.Stdout, tradingday.Named{Name: "quick", Report: quick}, tradingday.Named{Name: "slow", Report: slow})
	// Output:
	// |                                  | quick  | slow   |
	// | ---                              | ---    | ---    |
	// | alerts in                        | 3      | 3      |
	// | messages out                     | 2      | 1      |
	// | messages for 100 alerts          | 66.67  | 33.33  |
	// | messages to desk                 | 2      | 1      |
	// | critical problems                | 1      | 1      |
	// | – first message, median          | 0.5 s  | 30.0 s |
	// | – first message, 99 %            | 0.5 s  | 30.0 s |
	// | – first message, at most         | 0.5 s  | 30.0 s |
	// | – later than 10 s                | 0      | 1      |
	// | – never                          | 0      | 0      |
	// | other problems                   | 1      | 1      |
	// | – first message, median          | 5.0 s  |        |
	// | – first message, 99 %            | 5.0 s  |        |
	// | – first message, at most         | 5.0 s  |        |
	// | – later than 10 s                | 0      | 0      |
	// | – never                          | 0      | 1      |
	// | incidents, or groups             | 2      | 1      |
	// | – first message, median          | 2.0 s  | 2.0 s  |
	// | – first message, 99 %            | 2.0 s  | 2.0 s  |
	// | – first message, at most         | 2.0 s  | 2.0 s  |
	// | – later than 10 s                | 0      | 0      |
	// | – never                          | 0      | 0      |
	// | critical, told in a digest only  | 0      | 0      |
	// | explained, and told all the same | 0 of 0 | 0 of 0 |
}
