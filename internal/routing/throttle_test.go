package routing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

// limited returns the rules of a channel that takes one message an hour, and its bucket,
// which is empty.
func limited(t *testing.T, settings routing.Settings) (*routing.Rules, *routing.Throttle) {
	t.Helper()
	rate := delivery.Rate{Count: 1, Per: time.Hour}
	rules, err := routing.Compile(settings, []delivery.Policy{policy("desk", func(p *delivery.Policy) { p.RateLimit = rate })}, time.Hour, nil)
	require.NoError(t, err)
	throttle := &routing.Throttle{Now: now}
	first := rules.Decide(notice(incident.Opened), nil, heard(routing.HeardNothing), throttle)
	require.Equal(t, routing.Send, first.Targets[0].Verdict)
	return rules, throttle
}

func heard(h routing.Heard) routing.Told {
	return func(string, string) routing.Heard { return h }
}

func TestEndOfWhatADigestToldWaitsForTheNextDigest(t *testing.T) {
	rules, throttle := limited(t, routing.Settings{Storm: routing.DefaultStorm()})
	d := rules.Decide(notice(incident.WasResolved), nil, heard(routing.HeardInDigest), throttle)
	require.Equal(t, routing.InDigest, d.Targets[0].Verdict)
	require.Equal(t, routing.InDigestOnly, d.Targets[0].Cause)
	require.Equal(t, now.Add(5*time.Minute), d.Targets[0].Until)
	d = rules.Decide(notice(incident.WasResolved), nil, heard(routing.HeardItself), throttle)
	require.Equal(t, routing.Send, d.Targets[0].Verdict)
}

func TestAlertdsOwnTroublePassesRateLimitsAsCriticalDoes(t *testing.T) {
	rules, throttle := limited(t, routing.Settings{})
	n := notice(incident.Opened)
	require.Equal(t, routing.InDigest, rules.Decide(n, nil, heard(routing.HeardNothing), throttle).Targets[0].Verdict)
	n.Incident.Source = alerting.OwnSource
	require.Equal(t, routing.Send, rules.Decide(n, nil, heard(routing.HeardNothing), throttle).Targets[0].Verdict)
}

func TestStormEndsAlsoIfAClockIsSetBack(t *testing.T) {
	storm := routing.Storm{Threshold: 2, Pass: alerting.SeverityCritical, DigestEvery: time.Minute}
	one := func(message string) alerting.Alert {
		return alerting.Alert{Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: "feed", Message: message}
	}
	var s routing.StormState
	require.NotNil(t, s.Count(storm, events(t, one("a"), one("b")), now))
	require.Nil(t, s.Count(storm, nil, now.Add(2*time.Minute)), "it is calm")
	back := now.Add(-time.Hour)
	require.Nil(t, s.Count(storm, nil, back))
	over := s.Count(storm, nil, back.Add(time.Minute))
	require.NotNil(t, over)
	require.True(t, over.Resolves)
}
