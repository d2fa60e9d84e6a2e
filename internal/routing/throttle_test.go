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

func TestBucketTakesABurstAndThenOneAtATime(t *testing.T) {
	chat := policy("chat", func(p *delivery.Policy) { p.RateLimit = delivery.Rate{Count: 3, Per: time.Minute} })
	rules := compile(t, routing.Settings{Storm: routing.DefaultStorm()}, chat)
	throttle := &routing.Throttle{Now: now}
	tell := func(seconds int) (over time.Duration) {
		throttle.Now = now.Add(time.Duration(seconds) * time.Second)
		target := rules.Decide(notice(incident.Opened), nil, heard(routing.HeardNothing), throttle).Targets[0]
		if target.Verdict == routing.Send {
			return 0
		}
		require.Equal(t, routing.OverLimit, target.Cause)
		return target.Until.Sub(throttle.Now)
	}
	for n, c := range []struct {
		seconds int
		over    time.Duration
	}{
		{0, 0},
		{0, 0},
		{0, 0},
		{0, 20 * time.Second},
		{19, time.Second},
		{20, 0},
		{20, 20 * time.Second},
		{-3600, 20 * time.Second},
		{-3580, 0}, // a clock is set back: no more than one period is lost
		{86400, 0},
		{86400, 0},
		{86400, 0},
		{86400, 20 * time.Second}, // a day grants no more than a minute
	} {
		require.Equal(t, c.over, tell(c.seconds), "%d: %+v", n, c)
	}
	// The rate becomes another one: the bucket is full again after one of its periods at most.
	chat.RateLimit = delivery.Rate{Count: 60, Per: time.Minute}
	rules = compile(t, routing.Settings{}, chat)
	require.Zero(t, tell(86401))
	chat.RateLimit = delivery.Rate{Count: 1, Per: time.Second}
	rules = compile(t, routing.Settings{}, chat)
	require.Equal(t, time.Second, tell(86401))
	require.Zero(t, tell(86402))
}

func TestCriticalPassesUnlessARateSaysOtherwise(t *testing.T) {
	rate := delivery.Rate{Count: 1, Per: time.Hour}
	for _, c := range []struct {
		channel, route, channelToo, routeToo, sent bool
	}{
		{channel: true, sent: true},
		{channel: true, channelToo: true},
		{route: true, sent: true},
		{route: true, routeToo: true},
		{channel: true, route: true, sent: true},
		{channel: true, route: true, routeToo: true},
	} {
		chat, route := policy("chat"), routing.Route{Name: "all", RateLimitCritical: c.routeToo}
		chat.RateLimitCritical = c.channelToo
		if c.channel {
			chat.RateLimit = rate
		}
		if c.route {
			route.RateLimit = rate
		}
		rules, n, throttle := compile(t, routing.Settings{Routes: []routing.Route{route}}, chat), notice(incident.Opened), &routing.Throttle{Now: now}
		n.Incident.Severity = alerting.SeverityCritical
		path := rules.PathOf(routing.SubjectAbout(&n.Incident, nil), now)
		require.Equal(t, routing.Send, rules.Decide(n, path, heard(routing.HeardNothing), throttle).Targets[0].Verdict)
		require.Equal(t, c.sent, rules.Decide(n, path, heard(routing.HeardNothing), throttle).Targets[0].Verdict == routing.Send, "%+v", c)
	}
}

func TestStormLetsPassWhatIsBadEnough(t *testing.T) {
	rules := compile(t, routing.Settings{Storm: routing.Storm{Threshold: 1, Pass: alerting.SeverityError, DigestEvery: time.Minute}}, policy("chat"))
	for severity, want := range map[alerting.Severity]routing.Verdict{
		alerting.SeverityWarning: routing.InDigest, alerting.SeverityError: routing.Send, alerting.SeverityCritical: routing.Send,
	} {
		n := notice(incident.Opened)
		n.Incident.Severity = severity
		throttle := &routing.Throttle{Now: now, Storming: true}
		require.Equal(t, want, rules.Decide(n, nil, heard(routing.HeardNothing), throttle).Targets[0].Verdict, severity)
		n.Incident.Source = alerting.OwnSource
		require.Equal(t, routing.Send, rules.Decide(n, nil, heard(routing.HeardNothing), throttle).Targets[0].Verdict, severity)
	}
}

func TestStormIsOverOnceItWasBelowHalfForAMinute(t *testing.T) {
	storm := routing.Storm{Threshold: 4, Pass: alerting.SeverityCritical, DigestEvery: time.Minute}
	one := alerting.Alert{Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: "feed", Message: "a"}
	own := one
	own.Source = alerting.OwnSource
	var s routing.StormState
	count := func(seconds int, alerts ...alerting.Alert) *alerting.Alert {
		return s.Count(storm, events(t, alerts...), now.Add(time.Duration(seconds)*time.Second))
	}
	require.Nil(t, count(0, one, one, one, own), "alertd's own do not count")
	require.NotNil(t, count(5, one))
	require.Nil(t, count(60, one), "two, which is half")
	require.Nil(t, count(65), "one, which is less")
	require.Nil(t, count(124))
	require.NotNil(t, count(125))
	require.NotNil(t, count(200, one, one, one, one))
	require.Nil(t, count(255, one, one))
	require.Nil(t, count(260), "two, which is half: it is not calm yet")
	require.Nil(t, count(315))
	require.Nil(t, count(374))
	require.NotNil(t, count(375))
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
