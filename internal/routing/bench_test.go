package routing_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/routing"
	"alertd/internal/routing/routingtest"
)

// events registers alerts, and returns the events.
func events(tb testing.TB, alerts ...alerting.Alert) []*alerting.Event {
	tb.Helper()
	manager, err := alerting.NewManager(alerting.DefaultConfig(), nil)
	require.NoError(tb, err)
	results, err := manager.RegisterBatch(tb.Context(), alerts)
	require.NoError(tb, err)
	all := make([]*alerting.Event, len(results))
	for n, r := range results {
		require.NotNil(tb, r.Event, r.Err)
		all[n] = r.Event
	}
	return all
}

// BenchmarkRules decides for an event what it is folded by, which routes it takes, and what
// holds it back. The settings are those of a large desk; so many incidents inhibit.
func BenchmarkRules(b *testing.B) {
	const incidents = 1000
	for _, c := range []struct{ routes, silences, inhibitions, inhibitors int }{
		{0, 0, 0, 0},
		{10, 0, 0, 0},
		{50, 0, 0, 0},
		{500, 0, 0, 0},
		{0, 100, 0, 0},
		{0, 1000, 0, 0},
		{0, 0, 20, 0},
		{0, 0, 20, 20},
		{0, 0, 20, 1000},
		{50, 100, 20, 20},
	} {
		b.Run(fmt.Sprintf("%d routes, %d silences, %d inhibitions, %d inhibitors", c.routes, c.silences, c.inhibitions, c.inhibitors), func(b *testing.B) {
			rules, err := routing.Compile(routingtest.Settings(c.routes, c.inhibitions), nil, time.Hour, []string{"position", "venue"})
			require.NoError(b, err)
			var alerts []alerting.Alert
			for n := range incidents {
				alerts = append(alerts, routingtest.Alert(n, incidents))
			}
			var inhibitors []routing.Inhibitor
			for n := range c.inhibitors {
				e := events(b, routingtest.Halt(n%c.inhibitions))[0]
				about := incident.Incident{Number: incident.Number(10_000 + n), Severity: e.Severity(), Category: e.Category(), Source: e.Source()}
				inhibitor, holds := rules.InhibitorOf(&about, routing.SubjectOf(e))
				require.True(b, holds)
				inhibitors = append(inhibitors, inhibitor)
			}
			all, standing := events(b, alerts...), routing.NewStanding(routingtest.Silences(c.silences, now), inhibitors)
			held := 0
			for n := 0; b.Loop(); n++ {
				e := all[n%incidents]
				key, subject := rules.KeyOf(e), routing.SubjectOf(e)
				path := rules.PathOf(subject, now)
				about := incident.Incident{Number: 1, Fingerprint: key.Fingerprint, Severity: e.Severity(), Category: e.Category(), Source: e.Source(), FirstSeen: now}
				if rules.Hold(&about, subject, path, standing, now) != nil {
					held++
				}
			}
			b.ReportMetric(100*float64(held)/float64(b.N), "%held")
		})
	}
}
