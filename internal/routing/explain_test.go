package routing_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

func TestExplanationInWords(t *testing.T) {
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	later := at.Add(90 * time.Minute)
	open := func(changes ...func(i *incident.Incident)) *incident.Incident {
		i := &incident.Incident{Number: 7, Status: incident.Triggered, Severity: alerting.SeverityError, Count: 42, FirstSeen: at.Add(-time.Hour)}
		for _, change := range changes {
			change(i)
		}
		return i
	}
	held := func(holder, why string, until time.Time) func(i *incident.Incident) {
		return func(i *incident.Incident) { i.Hold = &incident.Hold{Holder: holder, Why: why, Until: until} }
	}
	decided := func(reason incident.Reason, targets ...routing.Target) []routing.Decision {
		return []routing.Decision{{Reason: reason, Targets: targets}}
	}
	key := incident.Key{Grouping: incident.ByMessage, Pattern: "VaR is # over"}
	storm := routing.DefaultStorm()
	const alike = "Alike is what has the same source, category and message, apart from what it measures: VaR is # over."
	const everybody = "There are no routes: each channel is told what its own settings let through."
	for name, test := range map[string]struct {
		x    routing.Explanation
		want []string
	}{
		"an incident that is told at once": {
			routing.Explanation{Opens: true, Incident: open(), Route: "risk", Routed: true, Decisions: decided(
				incident.Opened, routing.Target{Channel: "slack", Verdict: routing.Send},
				routing.Target{Channel: "page", Verdict: routing.NotAsked, Cause: routing.MinSeverity, Severity: alerting.SeverityError, Least: alerting.SeverityCritical})},
			[]string{
				"The alert would open an incident of severity error: nothing like it is open.",
				"slack would be told at once that the incident is open.",
				"page would not be told that the incident is open: severity error is below its min_severity critical.",
				alike, "Route risk decides who is told.",
			},
		},
		"an event that only counts": {
			routing.Explanation{Incident: open(func(i *incident.Incident) { i.UpdateDue = later })},
			[]string{
				"The alert would be event 42 of incident 7, which has been open since 2026-03-02 09:00:00 UTC, with severity error from then on.",
				"Nobody would be told of the event by itself: it would be counted, and the next update is due at 2026-03-02 11:30:00 UTC.",
				alike, everybody,
			},
		},
		"a silence": {
			routing.Explanation{
				Opens: true, Incident: open(held("silence 1", "silenced by ada (deployment) until 2026-03-02T11:30:00.000000Z", later)), Routed: true,
				Decisions: decided(incident.Opened, routing.Target{Channel: "slack", Verdict: routing.HeldBack, Cause: routing.HeldAsAWhole, By: "silence 1", Until: later}),
			},
			[]string{
				"The alert would open an incident of severity error: nothing like it is open.",
				"Nobody would be told for now: silenced by ada (deployment), until 2026-03-02 11:30:00 UTC. If the incident is still open when that ends, people are told then, once.",
				"slack would be told that the incident is open once nothing holds it back.",
				alike, "No route matches the alert, so the default channels are told, as far as their own settings let it through.",
			},
		},
		"one more event of what is silenced": {
			routing.Explanation{Incident: open(held("inhibition halted", "held back by incident 3 (inhibition halted)", time.Time{}))},
			[]string{
				"The alert would be event 42 of incident 7, which has been open since 2026-03-02 09:00:00 UTC, with severity error from then on.",
				"Nobody would be told for now: held back by incident 3 (inhibition halted). If the incident is still open when that ends, people are told then, once.",
				"The event would be counted, and told of with what is held back.",
				alike, everybody,
			},
		},
		"a route that waits": {
			routing.Explanation{
				Opens: true, Incident: open(held(routing.HeldByGroupWait, "route risk waits 30s for more events", later)),
				Decisions: decided(incident.Opened, routing.Target{Channel: "slack", Verdict: routing.Hold, Until: later}),
			},
			[]string{
				"The alert would open an incident of severity error: nothing like it is open.",
				"Nobody would be told at once: route risk waits 30s for more events, until 2026-03-02 11:30:00 UTC.",
				"slack would be told at 2026-03-02 11:30:00 UTC that the incident is open.",
				alike, everybody,
			},
		},
		"a storm and a limit": {
			routing.Explanation{
				Opens: true, Incident: open(), Storm: &storm,
				Decisions: decided(incident.Opened, routing.Target{Channel: "slack", Verdict: routing.InDigest, Cause: routing.Storming, Until: later},
					routing.Target{Channel: "mail", Target: "ada@example.com", Verdict: routing.InDigest, Cause: routing.InDigestOnly}),
			},
			[]string{
				"The alert would open an incident of severity error: nothing like it is open.",
				"There is a storm of events: what is below critical is told in digests only.",
				"slack would be told that the incident is open in its next digest, due at 2026-03-02 11:30:00 UTC: there is a storm.",
				"mail (ada@example.com) would be told that the incident is open in its next digest, due soon: it was told of the incident in a digest.",
				alike, everybody,
			},
		},
		"the end of an incident": {
			routing.Explanation{
				Resolves: true, Incident: open(func(i *incident.Incident) { i.Status = incident.Resolved }),
				Decisions: decided(incident.WasResolved, routing.Target{Channel: "slack", Verdict: routing.Send}),
			},
			[]string{
				"The alert would resolve incident 7, which has been open since 2026-03-02 09:00:00 UTC.",
				"slack would be told at once that it is over.",
				alike, everybody,
			},
		},
		"the end of nothing": {
			routing.Explanation{Resolves: true},
			[]string{"The alert would change nothing: it says that something is over, and nothing like it is open.", alike, everybody},
		},
		"what flaps": {
			routing.Explanation{Incident: open(func(i *incident.Incident) { i.Flapping = &incident.Flapping{} })},
			[]string{
				"The alert would be event 42 of incident 7, which has been open since 2026-03-02 09:00:00 UTC, with severity error from then on.",
				"Nobody would be told of the event by itself: the incident comes and goes, which people know. They are told when that ends.",
				alike, everybody,
			},
		},
		"a route to nobody": {
			routing.Explanation{Opens: true, Incident: open(), Route: "quiet", Routed: true, Decisions: decided(incident.Opened)},
			[]string{
				"The alert would open an incident of severity error: nothing like it is open.",
				"Nobody would be told that the incident is open: route quiet leads to no channel.",
				alike, "Route quiet decides who is told.",
			},
		},
		"no route and no default channels": {
			routing.Explanation{Opens: true, Incident: open(), Routed: true, Decisions: decided(incident.Opened)},
			[]string{
				"The alert would open an incident of severity error: nothing like it is open.",
				"Nobody would be told that the incident is open: no channel is for it.",
				alike, "No route matches the alert, and there are no default channels.",
			},
		},
		"alerting that is off": {
			routing.Explanation{Off: true},
			[]string{
				"The alert would be kept as an event, and nothing more: alerting is off, so it would open no incident, and nobody would be told.",
				alike, everybody,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.x.At, test.x.Key = at, key
			require.Equal(t, test.want, test.x.Words())
		})
	}
	for grouping, want := range map[incident.Grouping]string{
		incident.ByDedupKey:          "Alike is what has the same dedup_key: k.",
		incident.ByMessageAndContext: "Alike is what has the same source, category, message (apart from what it measures) and identity in the context: k.",
		incident.ByRoute:             "Alike is what has the same values in what route risk groups by: k.",
	} {
		words := routing.Explanation{Key: incident.Key{Grouping: grouping, Pattern: "k"}, Route: "risk"}.Words()
		require.Contains(t, strings.Join(words, "\n"), want)
	}
}

func TestSilenceHasAStatusAndAPlace(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	wanted := routing.Silence{By: "ada", StartsAt: now.Add(time.Hour), Lasts: time.Hour}
	wanted.Match.Source = []string{"feed"}
	first, err := routing.NewSilence(wanted, now)
	require.NoError(t, err)
	second, err := routing.NewSilence(wanted, now)
	require.NoError(t, err)
	require.Equal(t, now.Add(2*time.Hour), first.EndsAt)
	require.Greater(t, second.Place(), first.Place())
	require.Positive(t, first.Place())
	for after, want := range map[time.Duration]routing.SilenceStatus{
		0: routing.SilencePending, time.Hour - 1: routing.SilencePending, time.Hour: routing.SilenceActive,
		2*time.Hour - 1: routing.SilenceActive, 2 * time.Hour: routing.SilenceExpired,
	} {
		require.Equal(t, want, first.Status(now.Add(after)), after)
	}
}
