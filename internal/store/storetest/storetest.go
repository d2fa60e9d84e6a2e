// Package storetest is the suite that every database of the event log passes: the
// same cases on SQLite and on PostgreSQL, through what package store exports. A
// case is named after what the log promises. Only tests import it.
//
// A case gets an empty [Database]. What clients cannot do, such as damaging a
// row, it does with [Database.SQL], in words that both databases understand.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/store"
)

// Database is one that is empty, and a test's own.
type Database struct {
	// Config says where it is.
	Config store.Config
	// SQL reaches it from outside of the log.
	SQL *sql.DB
	// Insert writes events behind the log's back, as another process would have.
	Insert func(tb testing.TB, events ...*alerting.Event)
	// Advance makes everything in it older, be it by moving the database's clock.
	Advance func(tb testing.TB, by time.Duration)
	// Pass moves PostgreSQL's clock as if alertd had been there all the time.
	Pass func(tb testing.TB, by time.Duration)
}

// Run runs the cases that every database must pass, each on a database that create
// makes for it.
func Run(t *testing.T, create func(tb testing.TB) Database) {
	run(t, create, []group{
		{"order", orderCases},
		{"identity", identityCases},
		{"query", queryCases},
		{"stream", streamCases},
		{"queue", queueCases},
		{"retention", retentionCases},
		{"damage", damageCases},
		{"open", openCases},
		{"transact", transactCases},
		{"audit", auditCases},
		{"unfolded", unfoldedCases},
		{"sessions", sessionCases},
		{"tallies", tallyCases},
	})
}

// RunIndex runs the cases of the index, which keeps its bytes alike in every database:
// one of them will do.
func RunIndex(t *testing.T, create func(tb testing.TB) Database) {
	run(t, create, []group{{"text", textCases}, {"damage", indexDamageCases}})
}

type group struct {
	name  string
	cases []testCase
}

func run(t *testing.T, create func(tb testing.TB) Database, groups []group) {
	t.Helper()
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.test(t, create(t))
				})
			}
		})
	}
}

type testCase struct {
	name string
	test func(t *testing.T, db Database)
}

// patience is how long anything may take on a slow machine.
const patience = 20 * time.Second

// Log is a store with a sink that notes what it is given.
type Log struct {
	*store.Store
	// Sink has what was published.
	Sink *Sink

	tb    testing.TB
	end   context.CancelFunc
	ended chan error
	close func()
}

// Settings returns the database's configuration, with changes.
func (db Database) Settings(tb testing.TB, changes ...func(*store.Config)) store.Config {
	tb.Helper()
	config := db.Config
	config.Logger = slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	for _, change := range changes {
		change(&config)
	}
	return config
}

// Exec runs a statement outside of the log. Its arguments are $1, $2 and so on.
func (db Database) Exec(tb testing.TB, statement string, args ...any) {
	tb.Helper()
	_, err := db.SQL.ExecContext(tb.Context(), statement, args...)
	require.NoError(tb, err)
}

// Number asks for a number outside of the log.
func (db Database) Number(tb testing.TB, query string) int64 {
	tb.Helper()
	var n sql.NullInt64
	require.NoError(tb, db.SQL.QueryRowContext(tb.Context(), query).Scan(&n))
	return n.Int64
}

// Open opens the log, which is closed when the test ends. Nothing runs yet.
func (db Database) Open(tb testing.TB, changes ...func(*store.Config)) *Log {
	tb.Helper()
	settings := db.Settings(tb, changes...)
	opened, err := store.Open(tb.Context(), settings)
	require.NoError(tb, err)
	if settings.Retention > 0 || settings.RetentionEvents > 0 { // no engine reads here, for which it would wait
		db.Exec(tb, `DELETE FROM log_cursors WHERE name IN ('engine', 'tallies')`)
	}
	log := &Log{Store: opened, Sink: NewSink(), tb: tb}
	log.close = sync.OnceFunc(func() { require.NoError(tb, opened.Close()) })
	tb.Cleanup(log.Stop)
	return log
}

// Start opens the log, hands the last 1,000 events to its sink, and lets it run
// until the test ends.
func (db Database) Start(tb testing.TB, changes ...func(*store.Config)) *Log {
	tb.Helper()
	log := db.Open(tb, changes...)
	require.NoError(tb, log.Attach(tb.Context(), log.Sink, 1000))
	log.Run()
	return log
}

// Run lets the log run. It is attached.
func (l *Log) Run() {
	ctx, end := context.WithCancel(context.WithoutCancel(l.tb.Context()))
	l.end, l.ended = end, make(chan error, 1)
	go func() { l.ended <- l.Store.Run(ctx) }()
}

// Stop waits until the log has written what waits, and closes it. It may be
// called more than once.
func (l *Log) Stop() {
	if l.end != nil {
		l.end()
		require.NoError(l.tb, <-l.ended)
		l.end = nil
	}
	l.close()
}

// Add registers alerts in one request and returns what became of them.
func (l *Log) Add(tb testing.TB, alerts ...alerting.Alert) []alerting.Appended {
	tb.Helper()
	appended, err := l.Append(tb.Context(), Drafts(tb, alerts...))
	require.NoError(tb, err)
	require.Len(tb, appended, len(alerts))
	return appended
}

// Everything returns all events, oldest first.
func (l *Log) Everything(tb testing.TB) []*alerting.Event {
	tb.Helper()
	return l.AllAfter(tb, 0, alerting.Filter{})
}

// AllAfter follows the stretches of [store.Store.After] to the log's end, and
// returns the events that match.
func (l *Log) AllAfter(tb testing.TB, after alerting.Seq, filter alerting.Filter) []*alerting.Event {
	tb.Helper()
	var all []*alerting.Event
	for {
		stretch, err := l.After(tb.Context(), after, filter)
		require.NoError(tb, err)
		if stretch.Through < stretch.From {
			return all
		}
		require.Greater(tb, stretch.From, after)
		for _, event := range stretch.Events {
			require.GreaterOrEqual(tb, event.Seq(), stretch.From)
			require.LessOrEqual(tb, event.Seq(), stretch.Through)
		}
		all, after = append(all, stretch.Events...), stretch.Through
	}
}

// Sink notes what is published. Safe for concurrent use.
type Sink struct {
	mu     sync.Mutex
	events []*alerting.Event
	here   []alerting.Seq
	grown  chan struct{} // closed when there is more
}

// NewSink returns an empty sink.
func NewSink() *Sink { return &Sink{grown: make(chan struct{})} }

// Publish implements alerting.Sink.
func (s *Sink) Publish(events []*alerting.Event, origin alerting.Origin) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, events...)
	if origin == alerting.OriginHere {
		s.here = append(s.here, seqsOf(events)...)
	}
	close(s.grown)
	s.grown = make(chan struct{})
}

// Events returns what was published so far.
func (s *Sink) Events() []*alerting.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clip(s.events)
}

// Forget returns what was published so far, and keeps nothing of it.
func (s *Sink) Forget() []*alerting.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.events
	s.events, s.here = nil, nil
	return events
}

// Here returns the numbers of those that were registered through this log.
func (s *Sink) Here() []alerting.Seq {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clip(s.here)
}

// Wait waits until n events were published, and returns them all.
func (s *Sink) Wait(tb testing.TB, n int) []*alerting.Event {
	tb.Helper()
	expired := time.After(patience)
	for {
		s.mu.Lock()
		events, grown := slices.Clip(s.events), s.grown
		s.mu.Unlock()
		if len(events) >= n {
			return events
		}
		select {
		case <-grown:
		case <-expired:
			require.FailNow(tb, "events are missing", "published %d of %d", len(events), n)
		}
	}
}

// Alert returns an alert like any other.
func Alert(message string) alerting.Alert {
	return alerting.Alert{
		Severity: alerting.SeverityWarning, Category: alerting.CategoryRiskLimit, Source: "risk-engine", Message: message,
	}
}

// Alerts returns n alerts.
func Alerts(n int) []alerting.Alert {
	alerts := make([]alerting.Alert, n)
	for i := range alerts {
		alerts[i] = Alert(fmt.Sprintf("alert %d", i))
	}
	return alerts
}

// Drafts makes drafts of valid alerts.
func Drafts(tb testing.TB, alerts ...alerting.Alert) []*alerting.Draft {
	tb.Helper()
	drafts := make([]*alerting.Draft, len(alerts))
	for i, alert := range alerts {
		var err error
		drafts[i], err = alerting.NewDraft(alert, time.Now())
		require.NoError(tb, err)
	}
	return drafts
}

// seqsOf returns the numbers of events.
func seqsOf(events []*alerting.Event) []alerting.Seq {
	seqs := make([]alerting.Seq, len(events))
	for i, event := range events {
		seqs[i] = event.Seq()
	}
	return seqs
}

// ascending returns the numbers from one to another, both included.
func ascending(from, to alerting.Seq) []alerting.Seq {
	var seqs []alerting.Seq
	for seq := from; seq <= to; seq++ {
		seqs = append(seqs, seq)
	}
	return seqs
}

// waitUntil looks again and again whether a condition holds.
func waitUntil(tb testing.TB, condition func() bool) {
	tb.Helper()
	expired := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-expired:
			require.FailNow(tb, "it does not come to pass")
		}
	}
}

// requireSeqs compares numbers, and shows only where they begin to differ.
func requireSeqs(tb testing.TB, want, got []alerting.Seq) {
	tb.Helper()
	for i := range min(len(want), len(got)) {
		require.Equal(tb, want[i], got[i], "at %d of %d", i, len(got))
	}
	require.Equal(tb, len(want), len(got), "how many there are") //nolint:testifylint // Len would show them all
}
