package routing_test

import (
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

// now is when a test decides.
var now = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

// notice is one about an incident of a risk component.
func notice(reason incident.Reason) incident.Notice {
	return incident.Notice{Number: 3, Reason: reason, Incident: incident.Incident{
		Number: 12, Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: "var_gate",
		Grouping: incident.ByMessage, Pattern: "VaR # > #",
	}}
}

// policy is one that lets everything pass.
func policy(name string, changes ...func(p *delivery.Policy)) delivery.Policy {
	p := delivery.DefaultPolicy()
	p.Name, p.Enabled = name, true
	for _, change := range changes {
		change(&p)
	}
	return p
}

// decide decides without routes.
func decide(tb rapid.TB, n incident.Notice, heard func(channel string) routing.Heard, policies ...delivery.Policy) routing.Decision {
	tb.Helper()
	rules, err := routing.Compile(routing.Settings{}, policies, time.Hour, nil)
	require.NoError(tb, err)
	return rules.Decide(n, nil, func(channel, _ string) routing.Heard { return heard(channel) }, &routing.Throttle{Now: now})
}
