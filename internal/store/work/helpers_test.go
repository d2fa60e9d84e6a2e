package work_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
	"alertd/internal/store/work"
)

// patience is how long anything may take on a slow machine.
const patience = 20 * time.Second

// bench is work on a database of the test's own.
type bench struct {
	*work.Work
	log *storetest.Log
	db  storetest.Database
	tb  testing.TB
}

// start opens a database, and lets its log run until the test ends.
func start(tb testing.TB, db storetest.Database, changes ...func(*store.Config)) *bench {
	tb.Helper()
	log := db.Start(tb, changes...)
	return &bench{work.New(log.Store), log, db, tb}
}

// onEach runs a test on both databases.
func onEach(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, db storetest.Database) { test(t, start(t, db)) })
}

func onEachDatabase(t *testing.T, test func(t *testing.T, db storetest.Database)) {
	t.Helper()
	for name, create := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, create(t))
		})
	}
}

var databases = map[string]func(tb testing.TB) storetest.Database{
	store.SQLite: storetest.SQLite, store.Postgres: storetest.PostgreSQL,
}

// replica returns further work on the same database; on SQLite, which one alertd has
// alone, the same.
func (b *bench) replica() *bench {
	b.tb.Helper()
	if b.db.Config.Driver == store.SQLite {
		return b
	}
	return start(b.tb, b.db)
}

// inTurn runs a transaction that may plan.
func (b *bench) inTurn(f func(ctx context.Context, tx *work.Tx)) {
	b.tb.Helper()
	require.NoError(b.tb, b.InTurn(b.tb.Context(), func(ctx context.Context, tx *work.Tx) error {
		f(ctx, tx)
		return nil
	}))
}

// transact runs a transaction that plans nothing.
func (b *bench) transact(f func(ctx context.Context, tx *work.Tx)) {
	b.tb.Helper()
	require.NoError(b.tb, b.Transact(b.tb.Context(), func(ctx context.Context, tx *work.Tx) error {
		f(ctx, tx)
		return nil
	}))
}

// save saves changes in a transaction of their own.
func (b *bench) save(c work.Changes) {
	b.tb.Helper()
	b.inTurn(func(ctx context.Context, tx *work.Tx) { require.NoError(b.tb, tx.Save(ctx, c)) })
}

// eventOf returns the event that an alert becomes.
func eventOf(tb testing.TB, seq alerting.Seq, alert alerting.Alert) *alerting.Event {
	tb.Helper()
	return storetest.Drafts(tb, alert)[0].Finish(seq)
}

// opened returns an incident that an alert with this message has just opened.
func opened(tb testing.TB, tx *work.Tx, message string) (incident.Incident, incident.Change) {
	tb.Helper()
	number := tx.NextIncident()
	alert := storetest.Alert(message)
	alert.DedupKey = message
	event := eventOf(tb, alerting.Seq(number), alert)
	return incident.Open(incident.NewID(), number, incident.KeyOf(event, incident.GroupBy{}), event, incident.Terms{}, tx.Now())
}

// opens has an alert with this message open an incident.
func (b *bench) opens(message string) (i incident.Incident) {
	b.tb.Helper()
	b.inTurn(func(ctx context.Context, tx *work.Tx) {
		var change incident.Change
		i, change = opened(b.tb, tx, message)
		c := work.Changes{Incidents: []incident.Incident{i}, Notices: []incident.Notice{*change.Notice}}
		for _, e := range change.Entries {
			c.Entries = append(c.Entries, work.Entry{Incident: i.Number, Entry: e})
		}
		require.NoError(b.tb, tx.Save(ctx, c))
	})
	return i
}

// changes saves an incident as it is after a change.
func (b *bench) changes(i *incident.Incident, change func(i *incident.Incident, now time.Time)) {
	b.tb.Helper()
	b.inTurn(func(ctx context.Context, tx *work.Tx) {
		change(i, tx.Now())
		require.NoError(b.tb, tx.Save(ctx, work.Changes{
			Incidents: []incident.Incident{*i}, Reminders: map[incident.Number]time.Time{i.Number: i.UpdateDue},
		}))
	})
}

func (b *bench) resolves(i *incident.Incident) {
	b.tb.Helper()
	b.changes(i, func(i *incident.Incident, now time.Time) { i.Resolve(incident.Action{By: "ada"}, nil, now) })
}

// policyOf returns the settings of a channel: what waits there is given up after an hour.
func policyOf(name string) delivery.Policy {
	p := delivery.DefaultPolicy()
	p.Name, p.Enabled, p.Retry.Jitter, p.Retry.Initial = name, true, false, 5*time.Minute
	return p
}

// plans has a channel be told of an incident.
func (b *bench) plans(i *incident.Incident, reason incident.Reason, name string) (planned delivery.Delivery) {
	b.tb.Helper()
	b.inTurn(func(ctx context.Context, tx *work.Tx) { planned = *planIn(ctx, b.tb, tx, i, reason, policyOf(name)) })
	return planned
}

// planIn does so within a transaction. The notice that an incident was opened is there
// already.
func planIn(ctx context.Context, tb testing.TB, tx *work.Tx, i *incident.Incident, reason incident.Reason, p delivery.Policy) *delivery.Delivery {
	tb.Helper()
	n := incident.Notice{Number: 1, Reason: reason, At: tx.Now(), Incident: *i}
	c := work.Changes{}
	if reason != incident.Opened {
		i.Notices++
		n.Number, n.Incident = i.Notices, *i
		c.Incidents, c.Notices = []incident.Incident{*i}, []incident.Notice{n}
	}
	stories, err := tx.Stories(ctx, []incident.Number{i.Number})
	require.NoError(tb, err)
	d, _ := stories[i.Number].Plan(n, p, "", tx.Mint, tx.Now())
	require.NotNil(tb, d)
	c.Deliveries = stories[i.Number].Changed()
	require.NoError(tb, tx.Save(ctx, c))
	return d
}

// claims claims what is ready on a channel, for a minute.
func (b *bench) claims(name string, most int) (claimed []work.Claimable) {
	b.tb.Helper()
	b.transact(func(ctx context.Context, tx *work.Tx) {
		var err error
		claimed, err = claim(ctx, tx, name, most)
		require.NoError(b.tb, err)
	})
	return claimed
}

func claim(ctx context.Context, tx *work.Tx, name string, most int) ([]work.Claimable, error) {
	ready, err := tx.Ready(ctx, name, most)
	if err != nil {
		return nil, err
	}
	id, taken := delivery.NewID(), make([]*delivery.Delivery, len(ready))
	for n := range ready {
		ready[n].Delivery.Claimed(id, tx.Now().Add(time.Minute))
		taken[n] = &ready[n].Delivery
	}
	return ready, tx.Claim(ctx, taken)
}

// claimsOne claims the only delivery that is ready on a channel.
func (b *bench) claimsOne(name string) work.Claimable {
	b.tb.Helper()
	claimed := b.claims(name, 10)
	require.Len(b.tb, claimed, 1)
	return claimed[0]
}

var (
	delivered = channel.Result{Outcome: channel.Delivered, Code: 200, Thread: "1234.5"}
	failedNow = channel.Result{Outcome: channel.Transient, Code: 503, Error: "out of order"}
	refused   = channel.Result{Outcome: channel.Permanent, Code: 403, Error: "forbidden"}
)

// finishes records an attempt, and reports whether the claim still held.
func (b *bench) finishes(d delivery.Delivery, r channel.Result) (held bool) {
	b.tb.Helper()
	b.inTurn(func(ctx context.Context, tx *work.Tx) {
		var err error
		held, err = finish(ctx, tx, d, r)
		require.NoError(b.tb, err)
	})
	return held
}

// finish records an attempt as the engine does.
func finish(ctx context.Context, tx *work.Tx, claimed delivery.Delivery, r channel.Result) (held bool, err error) {
	stories, err := tx.Stories(ctx, []incident.Number{claimed.Incident})
	if err != nil {
		return false, err
	}
	story := stories[claimed.Incident]
	d := story.Find(claimed.Number)
	if d == nil || d.Status != delivery.Sending || d.Claim != claimed.Claim {
		return false, nil
	}
	a := delivery.Attempt{Number: d.Attempts + 1, At: tx.Now(), Duration: 5 * time.Millisecond, Outcome: r.Outcome, Code: r.Code, Error: r.Error}
	change, giveUp := story.Finish(d, r, policyOf(d.Channel).Retry, 0, tx.Now())
	changes := []delivery.Change{change}
	if giveUp != "" {
		changes = story.GiveUp(d, giveUp, nil, tx.Mint, tx.Now())
	}
	c := work.Changes{
		Deliveries: story.Changed(), Attempts: []work.Attempt{{Delivery: d.ID, Attempt: a}}, Outcomes: []work.Outcome{{Channel: d.Channel, Result: r}},
	}
	for _, change := range changes {
		c.Entries = append(c.Entries, work.Entry{Incident: d.Incident, Entry: change.Entry(tx.Now())})
	}
	return true, tx.Save(ctx, c)
}

// retry has a delivery tried again by hand, as the engine does.
func retry(ctx context.Context, tx *work.Tx, id delivery.ID) error {
	one, err := tx.Delivery(ctx, id)
	if err != nil {
		return err
	}
	about := one.Incident
	stories, err := tx.Stories(ctx, []incident.Number{about})
	if err != nil {
		return err
	}
	d := stories[about].Find(one.Number)
	if d == nil {
		return fmt.Errorf("delivery %d is gone", one.Number)
	}
	if _, err := stories[about].Retry(d, nil, policyOf(d.Channel), tx.Mint, tx.Now()); err != nil {
		return err
	}
	return tx.Save(ctx, work.Changes{Deliveries: stories[about].Changed()})
}

// wakes does what is due for deliveries, and returns for how many.
func (b *bench) wakes() (woken int) {
	b.tb.Helper()
	b.inTurn(func(ctx context.Context, tx *work.Tx) {
		due, err := tx.Due(ctx, true, 100)
		require.NoError(b.tb, err)
		woken = len(due.Deliveries)
		require.NoError(b.tb, wake(ctx, tx))
	})
	return woken
}

// wake does what is due for deliveries, as the engine does.
func wake(ctx context.Context, tx *work.Tx) error {
	due, err := tx.Due(ctx, true, 100)
	if err != nil {
		return err
	}
	of, err := tx.IncidentsOf(ctx, due.Deliveries)
	if err != nil {
		return err
	}
	stories, err := tx.Stories(ctx, slices.Collect(maps.Values(of)))
	if err != nil {
		return err
	}
	for _, number := range due.Deliveries {
		story := stories[of[number]]
		d := story.Find(number)
		if !d.Open() { // it has come to its end meanwhile
			continue
		}
		if why := story.Wake(d, delivery.Working, tx.Now()); why != "" {
			story.GiveUp(d, why, nil, tx.Mint, tx.Now())
		}
	}
	var c work.Changes
	for _, story := range stories {
		c.Deliveries = append(c.Deliveries, story.Changed()...)
	}
	return tx.Save(ctx, c)
}

// finds returns a delivery as it is now.
func (b *bench) finds(id delivery.ID) delivery.Delivery {
	b.tb.Helper()
	d, _, err := b.Delivery(b.tb.Context(), id)
	require.NoError(b.tb, err)
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
func idsOf(claimed []work.Claimable) []delivery.ID {
	ids := make([]delivery.ID, len(claimed))
	for i, c := range claimed {
		ids[i] = c.Delivery.ID
	}
	return ids
}
