package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
)

var foldingCases = []testCase{
	{"only events of which somebody is to be told are folded", foldsWhatIsDispatched},
	{"a part of the log has at most so many events, and so many bytes", foldsInParts},
	{"a damaged event is left out, and the others do not wait for it", foldsAroundDamage},
	{"the place in the log is kept", keepsItsPlace},
	{"the backlog says what is still to be done", knowsTheBacklog},
	{"a database that does not answer is unavailable, for every question", isUnavailable},
}

// unfolded returns the numbers of what is to be folded after a number.
func unfolded(tb testing.TB, log *Log, after alerting.Seq, limit int) (seqs []alerting.Seq, through alerting.Seq) {
	tb.Helper()
	part, err := log.Unfolded(tb.Context(), after, limit)
	require.NoError(tb, err)
	return seqsOf(part.Events), part.Through
}

// startManaged starts the log with a manager on it, which knows whether alerting is
// enabled.
func startManaged(tb testing.TB, db Database) (*Log, *alerting.Manager) {
	tb.Helper()
	r := openReader(tb, db)
	r.log.Run()
	return r.log, r.manager
}

// foldsWhatIsDispatched turns alerting on, off, and on again.
func foldsWhatIsDispatched(t *testing.T, db Database) {
	log, manager := startManaged(t, db)
	var want []alerting.Seq
	for n := range 12 {
		enabled := n/3%2 == 1
		require.NoError(t, manager.Reconfigure(alerting.Config{Enabled: enabled, BufferSize: bufferSize, MinSeverity: alerting.SeverityDebug}))
		result, err := manager.Register(t.Context(), Alert(fmt.Sprintf("alert %d", n)))
		require.NoError(t, err)
		if enabled {
			want = append(want, result.Event.Seq())
		}
	}
	seqs, through := unfolded(t, log, 0, 100)
	require.Equal(t, want, seqs)
	require.Equal(t, alerting.Seq(12), through, "what nobody is told of is behind it, too")
	seqs, through = unfolded(t, log, 12, 100)
	require.Empty(t, seqs)
	require.Equal(t, alerting.Seq(12), through)
	log.Stop()
	log, _ = startManaged(t, db)
	seqs, _ = unfolded(t, log, 0, 100)
	require.Equal(t, want, seqs, "also after a restart")
}

// addDispatched adds alerts of which somebody is to be told.
func addDispatched(tb testing.TB, db Database, log *Log, alerts ...alerting.Alert) []*alerting.Event {
	tb.Helper()
	var events []*alerting.Event
	for _, appended := range log.Add(tb, alerts...) {
		events = append(events, appended.Event)
	}
	db.Exec(tb, `UPDATE events SET dispatch = 1`)
	return events
}

func foldsInParts(t *testing.T, db Database) {
	log := db.Start(t)
	addDispatched(t, db, log, Alerts(10)...)
	seqs, through := unfolded(t, log, 3, 4)
	require.Equal(t, ascending(4, 7), seqs)
	require.Equal(t, alerting.Seq(7), through)
	seqs, through = unfolded(t, log, 8, 4)
	require.Equal(t, ascending(9, 10), seqs)
	require.Equal(t, alerting.Seq(10), through)
	seqs, through = unfolded(t, log, 99, 4)
	require.Empty(t, seqs)
	require.Equal(t, alerting.Seq(99), through, "it never goes back")

	large := Alert("large")
	large.Context = contextOf(t, `{"text":"`+strings.Repeat("x", 1<<20)+`"}`)
	for range 10 {
		log.Add(t, large)
	}
	db.Exec(t, `UPDATE events SET dispatch = 1`)
	all := ascending(11, 20)
	for after := alerting.Seq(10); after < 20; {
		part, err := log.Unfolded(t.Context(), after, 1000)
		require.NoError(t, err)
		require.NotEmpty(t, part.Events)
		require.LessOrEqual(t, len(part.Events), 5, "about 4 MiB")
		require.Equal(t, part.Events[len(part.Events)-1].Seq(), part.Through)
		require.Equal(t, all[:len(part.Events)], seqsOf(part.Events))
		all, after = all[len(part.Events):], part.Through
	}
}

func contextOf(tb testing.TB, text string) alerting.Context {
	tb.Helper()
	c, err := alerting.ParseContext([]byte(text))
	require.NoError(tb, err)
	return c
}

func foldsAroundDamage(t *testing.T, db Database) {
	log := db.Start(t)
	addDispatched(t, db, log, Alerts(5)...)
	db.Exec(t, `UPDATE events SET json = '{' WHERE seq = 3`)
	seqs, through := unfolded(t, log, 0, 100)
	require.Equal(t, ascending(1, 2), seqs)
	require.Equal(t, alerting.Seq(3), through, "it goes on after the damaged one")
	seqs, through = unfolded(t, log, through, 100)
	require.Equal(t, ascending(4, 5), seqs)
	require.Equal(t, alerting.Seq(5), through)
	seqs, through = unfolded(t, log, 2, 1)
	require.Empty(t, seqs)
	require.Equal(t, alerting.Seq(3), through)
}

func keepsItsPlace(t *testing.T, db Database) {
	log := db.Start(t)
	place := func() (outside, inside alerting.Seq) {
		outside, err := log.EngineCursor(t.Context())
		require.NoError(t, err)
		log.decide(t, func(ctx context.Context, tx *store.Tx) {
			inside, err = tx.Cursor(ctx)
			require.NoError(t, err)
		})
		return outside, inside
	}
	for _, want := range []alerting.Seq{0, 7, 9} {
		if want > 0 {
			log.decide(t, func(ctx context.Context, tx *store.Tx) { require.NoError(t, tx.Advance(ctx, want)) })
		}
		outside, inside := place()
		require.Equal(t, []alerting.Seq{want, want}, []alerting.Seq{outside, inside})
	}
	log.Stop()
	log = db.Start(t)
	outside, _ := place()
	require.Equal(t, alerting.Seq(9), outside)
}

func knowsTheBacklog(t *testing.T, db Database) {
	log := db.Start(t)
	backlog := func() store.Backlog {
		b, err := log.Backlog(t.Context())
		require.NoError(t, err)
		return b
	}
	b := backlog()
	require.Empty(t, b.Queues)
	require.Zero(t, b.Lag())
	require.Empty(t, b.Incidents)

	log.Add(t, Alert("nobody is told of it"))
	require.Zero(t, backlog().Lag())
	addDispatched(t, db, log, Alerts(2)...)
	db.Advance(t, time.Hour)
	log.decide(t, func(ctx context.Context, tx *store.Tx) { require.NoError(t, tx.Advance(ctx, 2)) })
	require.InDelta(t, time.Hour, backlog().Lag(), float64(patience))
	log.decide(t, func(ctx context.Context, tx *store.Tx) { require.NoError(t, tx.Advance(ctx, 3)) })
	require.Zero(t, backlog().Lag())

	one, two, three, four := log.opens(t, "alert a"), log.opens(t, "alert b"), log.opens(t, "alert c"), log.opens(t, "alert d")
	log.resolves(t, &one)
	log.changes(t, &two, func(i *incident.Incident, now time.Time) {
		_, err := i.Acknowledge(incident.Action{By: "ada"}, nil, now)
		require.NoError(t, err)
	})
	first := log.plans(t, &three, incident.Opened, "chat")
	db.Advance(t, time.Minute)
	log.plans(t, &four, incident.Opened, "chat")
	log.plans(t, &four, incident.Opened, "mail")
	b = backlog()
	require.Equal(t, []int{2, 1, 2}, []int{b.Incidents[incident.Triggered], b.Incidents[incident.Acknowledged], len(b.Incidents)})
	require.Len(t, b.Queues, 2)
	require.Equal(t, 2, b.Queues["chat"].Waiting)
	require.Equal(t, 1, b.Queues["mail"].Waiting)
	first = log.finds(t, first.ID)
	require.Equal(t, first.CreatedAt, b.Queues["chat"].Oldest)
	log.triesLater(t, log.claims(t, "chat", 1)[0], time.Hour)
	claimed := log.claims(t, "chat", 1)[0]
	queues, now, err := log.Queues(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, queues["chat"].Waiting, "one that is being sent, and one that waits for its next attempt")
	require.InDelta(t, time.Minute, now.Sub(queues["chat"].Oldest), float64(patience))
	log.delivers(t, claimed)
	log.delivers(t, log.claimsOne(t, "mail"))
	queues, _, err = log.Queues(t.Context())
	require.NoError(t, err)
	require.Len(t, queues, 1)
	require.Equal(t, 1, queues["chat"].Waiting)
}

// isUnavailable asks when there is no time left for an answer, as of a database that is
// away.
func isUnavailable(t *testing.T, db Database) {
	log := db.Start(t)
	i := log.opens(t, "alert")
	d := log.plans(t, &i, incident.Opened, "chat")
	events := addDispatched(t, db, log, Alert("alert"))
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for name, ask := range map[string]func() error{
		"work":            func() error { return log.Work(ctx, func(context.Context, *store.Tx) error { return nil }) },
		"decide":          func() error { return log.Decide(ctx, func(context.Context, *store.Tx) error { return nil }) },
		"unfolded":        func() error { _, err := log.Unfolded(ctx, 0, 10); return err },
		"cursor":          func() error { _, err := log.EngineCursor(ctx); return err },
		"incidents":       func() error { _, err := log.Incidents(ctx, incident.Query{Limit: 1}); return err },
		"incident":        func() error { _, err := log.Incident(ctx, i.ID); return err },
		"reminders":       func() error { _, err := log.RemindersDue(ctx); return err },
		"timeline":        func() error { _, err := log.Timeline(ctx, i.ID); return err },
		"events":          func() error { _, err := log.IncidentEvents(ctx, i.ID, 1); return err },
		"incidents of":    func() error { _, err := log.IncidentsOf(ctx, events); return err },
		"deliveries":      func() error { _, err := log.Deliveries(ctx, delivery.Query{Limit: 1}); return err },
		"delivery":        func() error { _, _, err := log.Delivery(ctx, d.ID); return err },
		"unreported":      func() error { _, err := log.Unreported(ctx, 1); return err },
		"channel records": func() error { _, err := log.ChannelRecords(ctx); return err },
		"queues":          func() error { _, _, err := log.Queues(ctx); return err },
		"backlog":         func() error { _, err := log.Backlog(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) { requireCode(t, alerting.CodeUnavailable, ask()) })
	}

	// Somebody else has the database.
	impatient := db.Settings(t, func(c *store.Config) { c.Timeout = 400 * time.Millisecond })
	log.Stop()
	other, err := store.Open(t.Context(), impatient)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	held, err := db.SQL.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, held.Rollback()) }()
	for _, statement := range []string{
		`UPDATE engine SET incidents = 1`,
		`INSERT INTO channel_records (channel, successes, failures, consecutive, last_error, last_failure, last_success) VALUES ('chat', 0, 0, 0, '', 0, 0)`,
	} {
		_, err = held.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	requireCode(t, alerting.CodeUnavailable, other.Decide(t.Context(), func(context.Context, *store.Tx) error { return nil }))
	requireCode(t, alerting.CodeUnavailable, other.Work(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return tx.Note(ctx, "chat", channel.Result{Outcome: channel.Delivered})
	}))
}
