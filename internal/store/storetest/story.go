package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
)

// decide runs a transaction that changes incidents.
func (l *Log) decide(tb testing.TB, f func(ctx context.Context, t *store.Tx)) {
	tb.Helper()
	require.NoError(tb, l.Decide(tb.Context(), func(ctx context.Context, t *store.Tx) error {
		f(ctx, t)
		return nil
	}))
}

// work runs a transaction that changes deliveries.
func (l *Log) work(tb testing.TB, f func(ctx context.Context, t *store.Tx)) {
	tb.Helper()
	require.NoError(tb, l.Work(tb.Context(), func(ctx context.Context, t *store.Tx) error {
		f(ctx, t)
		return nil
	}))
}

// eventOf returns the event that an alert becomes.
func eventOf(tb testing.TB, seq alerting.Seq, alert alerting.Alert) *alerting.Event {
	tb.Helper()
	return Drafts(tb, alert)[0].Finish(seq)
}

// open returns the incident that an event opens.
func open(number incident.Number, e *alerting.Event, now time.Time) (incident.Incident, incident.Change) {
	return incident.Open(incident.NewID(), number, incident.KeyOf(e, incident.GroupBy{}), e, now)
}

// opens has an alert with this message open an incident, and returns it.
func (l *Log) opens(tb testing.TB, message string) incident.Incident {
	tb.Helper()
	var i incident.Incident
	l.decide(tb, func(ctx context.Context, t *store.Tx) {
		number, err := t.NextIncident(ctx)
		require.NoError(tb, err)
		var change incident.Change
		i, change = open(number, eventOf(tb, alerting.Seq(number), Alert(message)), t.Now())
		require.NoError(tb, t.SaveIncident(ctx, i))
		require.NoError(tb, t.AddNotice(ctx, *change.Notice))
		require.NoError(tb, t.AddEntries(ctx, number, change.Entries...))
	})
	return i
}

// changes saves an incident as it is after a change.
func (l *Log) changes(tb testing.TB, i *incident.Incident, change func(i *incident.Incident, now time.Time)) {
	tb.Helper()
	l.decide(tb, func(ctx context.Context, t *store.Tx) {
		change(i, t.Now())
		require.NoError(tb, t.SaveIncident(ctx, *i))
	})
}

// resolves ends an incident.
func (l *Log) resolves(tb testing.TB, i *incident.Incident) {
	tb.Helper()
	l.changes(tb, i, func(i *incident.Incident, now time.Time) { i.Resolve(incident.Action{By: "ada"}, nil, now) })
}

// plans has a channel be told of an incident for a reason.
func (l *Log) plans(tb testing.TB, i *incident.Incident, reason incident.Reason, name string) delivery.Delivery {
	tb.Helper()
	var d delivery.Delivery
	l.decide(tb, func(ctx context.Context, t *store.Tx) { d = planIn(ctx, tb, t, i, reason, name) })
	return d
}

// planIn does so within a transaction. The notice that an incident was opened is there
// already.
func planIn(ctx context.Context, tb testing.TB, t *store.Tx, i *incident.Incident, reason incident.Reason, name string) delivery.Delivery {
	tb.Helper()
	number := 1
	if reason != incident.Opened {
		i.Notices++
		number = i.Notices
		require.NoError(tb, t.SaveIncident(ctx, *i))
		require.NoError(tb, t.AddNotice(ctx, incident.Notice{Number: number, Reason: reason, At: t.Now(), Incident: *i}))
	}
	d := delivery.Delivery{
		ID: delivery.NewID(), Incident: i.Number, IncidentID: i.ID, Notice: number, Reason: reason, Channel: name,
		Status: delivery.Waiting, CreatedAt: t.Now(), DueAt: t.Now(), GiveUpAt: t.Now().Add(time.Hour),
	}
	added, err := t.AddDelivery(ctx, d, store.Claim{})
	require.NoError(tb, err)
	require.True(tb, added)
	return d
}

// claims takes what it can get on a channel, for a minute.
func (l *Log) claims(tb testing.TB, name string, most int) []store.Claimed {
	tb.Helper()
	claimed, _ := l.claimsWhich(tb, store.Which{Channel: name, Most: most})
	return claimed
}

func (l *Log) claimsWhich(tb testing.TB, which store.Which) (claimed []store.Claimed, next time.Duration) {
	tb.Helper()
	l.work(tb, func(ctx context.Context, t *store.Tx) {
		var err error
		claimed, next, err = t.Claim(ctx, which, store.Claim{ID: delivery.NewID(), For: time.Minute})
		require.NoError(tb, err)
	})
	return claimed, next
}

// claimsOne takes the only delivery that can be claimed on a channel.
func (l *Log) claimsOne(tb testing.TB, name string) store.Claimed {
	tb.Helper()
	claimed := l.claims(tb, name, 10)
	require.Len(tb, claimed, 1)
	return claimed[0]
}

// finishes records an attempt, and reports whether the claim still held.
func (l *Log) finishes(tb testing.TB, c store.Claimed, outcome channel.Outcome, status delivery.Status, wait time.Duration) (held bool) {
	tb.Helper()
	l.work(tb, func(ctx context.Context, t *store.Tx) {
		a := delivery.Attempt{At: t.Now(), Duration: 5 * time.Millisecond, Outcome: outcome}
		if outcome != channel.Delivered {
			a.Code, a.Error = 503, "out of order"
		}
		var err error
		held, err = t.Finish(ctx, c, a, delivery.Step{Status: status, DueAt: t.Now().Add(wait)}, "")
		require.NoError(tb, err)
	})
	return held
}

// delivers records that a delivery has arrived.
func (l *Log) delivers(tb testing.TB, c store.Claimed) {
	tb.Helper()
	require.True(tb, l.finishes(tb, c, channel.Delivered, delivery.Delivered, 0))
}

// triesLater records that a delivery has failed for now.
func (l *Log) triesLater(tb testing.TB, c store.Claimed, wait time.Duration) {
	tb.Helper()
	require.True(tb, l.finishes(tb, c, channel.Transient, delivery.Waiting, wait))
}

// fails records that a delivery has failed for good.
func (l *Log) fails(tb testing.TB, c store.Claimed) {
	tb.Helper()
	require.True(tb, l.finishes(tb, c, channel.Permanent, delivery.Failed, 0))
}

// finds returns a delivery as it is now.
func (l *Log) finds(tb testing.TB, id delivery.ID) delivery.Delivery {
	tb.Helper()
	d, _, err := l.Delivery(tb.Context(), id)
	require.NoError(tb, err)
	return d
}

// requireCode makes sure that an error is one that callers can tell by its code.
func requireCode(tb testing.TB, want alerting.Code, err error) {
	tb.Helper()
	var known *alerting.Error
	require.ErrorAs(tb, err, &known)
	require.Equal(tb, want, known.Code, "%s", err)
}

// idsOf returns the ids of what was claimed.
func idsOf(claimed []store.Claimed) []delivery.ID {
	ids := make([]delivery.ID, len(claimed))
	for i, c := range claimed {
		ids[i] = c.Delivery.ID
	}
	return ids
}

// replicas returns two logs on one database; on SQLite, which one alertd has alone, the
// same one twice.
func replicas(tb testing.TB, db Database, changes ...func(*store.Config)) [2]*Log {
	tb.Helper()
	first := db.Start(tb, changes...)
	if db.Config.Driver == store.SQLite {
		return [2]*Log{first, first}
	}
	return [2]*Log{first, db.Start(tb, changes...)}
}

// eventsOf returns the events that alerts have become.
func eventsOf(appended []alerting.Appended) []*alerting.Event {
	events := make([]*alerting.Event, len(appended))
	for n, a := range appended {
		events[n] = a.Event
	}
	return events
}
