package httpapi_test

import (
	"cmp"
	"context"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

// Explain has a decision of each kind, and says that a silence holds the incident back.
func (d *desk) Explain(_ context.Context, alert alerting.Alert, at time.Time) (routing.Explanation, error) {
	if d.err != nil {
		return routing.Explanation{}, d.err
	}
	now := at
	if at.IsZero() {
		now = noon()
	}
	draft, err := alerting.NewDraft(alert, now)
	if err != nil {
		return routing.Explanation{}, err
	}
	event := draft.Finish(42)
	x := routing.Explanation{At: now, Key: incident.KeyOf(event, incident.GroupBy{}), Route: "risk", Routed: true, Resolves: alert.Resolves}
	hold := &incident.Hold{Holder: "silence " + silenceText, Why: "silenced by ada", Since: now, Until: now.Add(time.Hour)}
	for n := range d.incidents {
		if i := d.incidents[n]; i.Fingerprint == x.Key.Fingerprint && i.Status.Open() {
			i.Count, i.UpdateDue, i.Hold = i.Count+1, now.Add(time.Hour), hold
			x.Incident = &i
			return x, nil
		}
	}
	opened, change := incident.Open(incident.NewID(), 7, x.Key, event, incident.Terms{}, now)
	x.Incident, x.Opens, x.Entries, x.Text = &opened, true, change.Entries, "[ERROR] "+opened.Message
	storm := routing.DefaultStorm()
	x.Storm = &storm
	x.Decisions = []routing.Decision{{At: now, Reason: incident.Opened, Route: "risk", Targets: []routing.Target{
		{Channel: "slack", Verdict: routing.Send},
		{Channel: "webhook", Verdict: routing.Hold, Until: now.Add(time.Minute)},
		{Channel: "mail", Target: "ada@example.com", Verdict: routing.InDigest, Cause: routing.OverLimit, Until: now.Add(time.Hour), By: routing.HeldByThrottle},
		{Channel: "page", Verdict: routing.HeldBack, Cause: routing.HeldAsAWhole, By: "silence " + silenceText, Until: now.Add(time.Hour)},
		{Channel: "console", Verdict: routing.NotAsked, Cause: routing.ChannelOff},
	}}}
	return x, nil
}

func (d *desk) Recipients(_ context.Context, id incident.ID) ([]routing.Recipient, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.find(id); err != nil {
		return nil, cmp.Or(d.err, err)
	}
	return []routing.Recipient{
		{Channel: "slack", State: routing.RecipientTold, ToldAt: noon()},
		{Channel: "mail", Target: "ada@example.com", State: routing.RecipientHeldBack, By: "silence " + silenceText, Until: noon().Add(time.Hour), Why: "silenced by ada"},
	}, nil
}

// Next has something of each kind happen to an open incident.
func (d *desk) Next(_ context.Context, id incident.ID) (next []routing.Next, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found, err := d.find(id)
	if err != nil || !found.Status.Open() {
		return nil, cmp.Or(d.err, err)
	}
	for n, kind := range []routing.NextKind{
		routing.NextNotify, routing.NextUpdate, routing.NextHeldBack, routing.NextResolve, routing.NextSettle, routing.NextAttempt, routing.NextGiveUp, routing.NextDigest,
	} {
		one := routing.Next{At: noon().Add(time.Duration(n) * time.Minute), Kind: kind, Reason: "it is time"}
		if kind == routing.NextAttempt || kind == routing.NextGiveUp || kind == routing.NextDigest {
			one.Channel = "slack"
		}
		next = append(next, one)
	}
	return next, nil
}

func (d *desk) Counts(context.Context) (map[string]int64, error) {
	return map[string]int64{"events": 70, "incidents": 7, "messages": 5, "held silence": 2, "held of another alertd": 1}, d.err
}
