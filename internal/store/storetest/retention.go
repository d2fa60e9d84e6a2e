package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
	"alertd/internal/store"
)

var retentionCases = []testCase{
	{"without limits everything is kept", retainsEverything},
	{"the newest events are kept, by their number", retainsByNumber},
	{"young events are kept, by when they were received", retainsByAge},
	{"nothing is deleted that a reader has not seen", retainsForReaders},
	{"what is deleted is in no answer", deletedIsGone},
	{"what is deleted takes its part of the index along", deletesIndex},
	{"deletes in small steps, each of them whole", deletesInSteps},
	{"ingest and queries go on meanwhile", deletesMeanwhile},
	{"a stretch says which events were deleted while it was read", deletesUnderReaders},
	{"old idempotency keys are deleted in small steps, too", deletesKeys},
	{"numbers go on after all but the newest event are deleted", numbersAfterRetention},
}

// keepEvents is a configuration that keeps n events.
func keepEvents(n int) func(*store.Config) {
	return func(c *store.Config) { c.RetentionEvents = n }
}

// keepFor is a configuration that keeps events for some time.
func keepFor(age time.Duration) func(*store.Config) {
	return func(c *store.Config) { c.Retention = age }
}

// requireKept makes sure that a log holds just these events.
func requireKept(tb testing.TB, log *Log, from, to alerting.Seq) {
	tb.Helper()
	extent, err := log.Extent(tb.Context())
	require.NoError(tb, err)
	require.Equal(tb, []alerting.Seq{from, to}, []alerting.Seq{extent.First, extent.Last})
	requireSeqs(tb, ascending(from, to), seqsOf(log.Everything(tb)))
}

// retain lets retention do all that there is to do. The log's own upkeep may be
// at it as well, and then has the lock: an old key, deleted at the end, shows that
// somebody was here twice, and began the second time after this was called.
func retain(tb testing.TB, db Database, log *Log) {
	tb.Helper()
	for range 2 {
		db.Exec(tb, `INSERT INTO idempotency_keys (key, event_id, at) SELECT 'old', event_id, 0 FROM events WHERE seq = (SELECT max(seq) FROM events)`)
		waitUntil(tb, func() bool {
			_, err := log.Retain(tb.Context())
			require.NoError(tb, err)
			return db.Number(tb, `SELECT count(*) FROM idempotency_keys WHERE key = 'old'`) == 0
		})
	}
}

func retainsEverything(t *testing.T, db Database) {
	log := db.Start(t)
	log.Add(t, Alerts(10)...)
	db.Advance(t, 100*365*24*time.Hour)
	retain(t, db, log)
	requireKept(t, log, 1, 10)
}

func retainsByNumber(t *testing.T, db Database) {
	log := db.Start(t, keepEvents(7))
	log.Add(t, Alerts(7)...)
	retain(t, db, log)
	requireKept(t, log, 1, 7)
	log.Add(t, Alerts(2)...)
	retain(t, db, log)
	requireKept(t, log, 3, 9)
	log.Add(t, Alerts(1200)...)
	retain(t, db, log)
	requireKept(t, log, 1203, 1209)
	require.Equal(t, uint64(1202), log.Counts().Deleted)
}

// retainsByAge has events that were received, by another alertd, in no order: the
// log loses its beginning only.
func retainsByAge(t *testing.T, db Database) {
	received := func(ago time.Duration) alerting.Alert {
		alert := Alert("alert")
		alert.ReceivedAt = time.Now().Add(-ago)
		return alert
	}
	log := db.Start(t, keepFor(24*time.Hour))
	log.Add(t, received(30*time.Hour), received(20*time.Hour), received(40*time.Hour), received(0), received(0))
	retain(t, db, log)
	requireKept(t, log, 2, 5)
	db.Advance(t, 5*time.Hour)
	retain(t, db, log)
	requireKept(t, log, 4, 5)
	log.Add(t, Alerts(1000)...)
	db.Advance(t, 25*time.Hour)
	retain(t, db, log)
	requireKept(t, log, 1005, 1005)
}

func retainsForReaders(t *testing.T, db Database) {
	log := db.Start(t, keepEvents(1))
	require.NoError(t, log.SaveCursor(t.Context(), "slow", 0))
	log.Add(t, Alerts(10)...)
	require.NoError(t, log.SaveCursor(t.Context(), "fast", 8))
	retain(t, db, log)
	requireKept(t, log, 1, 10)
	require.NoError(t, log.SaveCursor(t.Context(), "slow", 3))
	retain(t, db, log)
	requireKept(t, log, 4, 10)
	require.NoError(t, log.SaveCursor(t.Context(), "slow", 10))
	retain(t, db, log)
	requireKept(t, log, 9, 10)
	require.NoError(t, log.SaveCursor(t.Context(), "fast", 10))
	retain(t, db, log)
	requireKept(t, log, 10, 10)
}

func deletedIsGone(t *testing.T, db Database) {
	log := db.Start(t, keepEvents(100))
	alerts := Alerts(300)
	alerts[0] = withID(withKey("key", alerts[0]))
	log.Add(t, alerts...)
	retain(t, db, log)
	found, err := log.Find(t.Context(), alerts[0].EventID, "key")
	require.NoError(t, err)
	require.Nil(t, found)
	for _, test := range []struct {
		query alerting.Query
		want  int
	}{
		{alerting.Query{Limit: 1000}, 100},
		{alerting.Query{Limit: 100}, 100},
		{alerting.Query{Limit: 100, Before: 250}, 49},
		{alerting.Query{Limit: 100, Before: 201}, 0},
		{alerting.Query{Limit: 1000, Filter: alerting.Filter{Text: "alert 2"}}, 100},
		{alerting.Query{Limit: 1000, Filter: alerting.Filter{Text: "alert 1"}}, 0},
	} {
		page, err := log.Query(t.Context(), test.query)
		require.NoError(t, err)
		require.Equal(t, test.want, len(page.Events), "%+v", test.query) //nolint:testifylint // Len would show them all
		require.False(t, page.More)
	}
	stretch, err := log.After(t.Context(), 100, alerting.Filter{})
	require.NoError(t, err)
	require.Equal(t, []alerting.Seq{201, 300}, []alerting.Seq{stretch.From, stretch.Through})
}

func deletesIndex(t *testing.T, db Database) {
	db.Open(t).Stop() // makes the schema
	db.Insert(t, History(t, 2*segmentSize+10)...)
	log := db.Start(t, keepEvents(segmentSize))
	waitUntil(t, func() bool { return log.Counts().Unindexed < segmentSize && log.Counts().Deleted == segmentSize+10 })
	require.Equal(t, int64(1), db.Number(t, `SELECT min(segment) FROM event_segments`))
	require.Equal(t, int64(1<<16), db.Number(t, `SELECT min(id) FROM event_blocks`))
	require.Equal(t, int64(1), db.Number(t, `SELECT count(*) FROM event_segments`))
	requireKept(t, log, segmentSize+11, 2*segmentSize+10)
}

func deletesInSteps(t *testing.T, db Database) {
	const events = 8000
	db.Open(t).Stop() // makes the schema
	db.Insert(t, History(t, events)...)
	log := db.Open(t, keepEvents(1))
	require.NoError(t, log.Attach(t.Context(), log.Sink, 1))
	ctx, cancel := context.WithCancel(t.Context())
	var group errgroup.Group
	group.Go(func() error {
		_, err := log.Retain(ctx)
		return err
	})
	waitUntil(t, func() bool { return log.Counts().Deleted > 0 })
	cancel()
	require.ErrorIs(t, group.Wait(), context.Canceled)
	deleted := log.Counts().Deleted
	require.Less(t, deleted, uint64(events-1))
	require.Zero(t, deleted%500)
	require.Equal(t, int64(events-deleted), db.Number(t, `SELECT count(*) FROM events`))
	require.Equal(t, int64(deleted+1), db.Number(t, `SELECT min(seq) FROM events`))
}

func deletesMeanwhile(t *testing.T, db Database) {
	const events = 8000
	db.Open(t).Stop() // makes the schema
	db.Insert(t, History(t, events)...)
	log := db.Start(t, keepEvents(1000)) // it begins to delete at once
	added := alerting.Seq(0)
	for log.Counts().Deleted < events-1000 {
		began := time.Now()
		log.Add(t, Alerts(10)...)
		added += 10
		page, err := log.Query(t.Context(), alerting.Query{Limit: 10})
		require.NoError(t, err)
		require.Equal(t, events+added, page.Events[0].Seq())
		require.Less(t, time.Since(began), patience/4)
	}
	require.Positive(t, added)
	retain(t, db, log)
	requireKept(t, log, events+added-999, events+added)
}

// deletesUnderReaders deletes while streams resume: each must get every event after its
// place, or learn that it is gone.
func deletesUnderReaders(t *testing.T, db Database) {
	const events = 8000
	db.Open(t).Stop() // makes the schema
	db.Insert(t, History(t, events)...)
	log := db.Open(t, keepEvents(1))
	require.NoError(t, log.Attach(t.Context(), log.Sink, 1))
	ctx, done := context.WithCancel(t.Context())
	var group errgroup.Group
	group.Go(func() error {
		defer done()
		_, err := log.Retain(t.Context())
		return err
	})
	for range 2 {
		group.Go(func() error {
			for ctx.Err() == nil {
				stretch, err := log.After(t.Context(), 0, alerting.Filter{}) //nolint:contextcheck // it goes on to its end
				if err != nil {
					return err
				}
				if n := stretch.Through - stretch.From + 1; alerting.Seq(len(stretch.Events)) != n {
					return fmt.Errorf("%d events from %d to %d", len(stretch.Events), stretch.From, stretch.Through)
				}
				page, err := log.Query(t.Context(), alerting.Query{ //nolint:contextcheck // it goes on to its end
					Limit: 700, Before: stretch.Through + 1})
				if err != nil {
					return err
				}
				for i, event := range page.Events {
					if event.Seq() != page.Events[0].Seq()-alerting.Seq(i) {
						return fmt.Errorf("event %d at %d after %d", event.Seq(), i, page.Events[0].Seq())
					}
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
}

func deletesKeys(t *testing.T, db Database) {
	const keys = 20_000
	log := db.Open(t)
	require.NoError(t, log.Attach(t.Context(), log.Sink, 1))
	log.Run()
	log.Add(t, withKey("young", Alert("alert")))
	log.Stop()
	db.Exec(t, fmt.Sprintf(`WITH RECURSIVE old(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM old WHERE n < %d)
		INSERT INTO idempotency_keys (key, event_id, at) SELECT 'old ' || n, event_id, n FROM old, events`, keys))
	left := func() int64 { return db.Number(t, `SELECT count(*) FROM idempotency_keys WHERE key <> 'young'`) }

	log = db.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	var group errgroup.Group
	group.Go(func() error {
		_, err := log.Retain(ctx)
		return err
	})
	waitUntil(t, func() bool { return left() < keys })
	cancel()
	require.ErrorIs(t, group.Wait(), context.Canceled)
	require.Positive(t, left())
	require.Zero(t, left()%500)
	retain(t, db, log)
	require.Zero(t, left())
	require.Equal(t, int64(1), db.Number(t, `SELECT count(*) FROM idempotency_keys`))
}

func numbersAfterRetention(t *testing.T, db Database) {
	log := db.Start(t, keepEvents(1))
	log.Add(t, Alerts(20)...)
	retain(t, db, log)
	log.Stop()
	log = db.Start(t, keepEvents(1))
	require.Equal(t, alerting.Seq(21), log.Add(t, Alert("alert"))[0].Event.Seq())
	requireSeqs(t, ascending(20, 21), seqsOf(log.Sink.Events()))
}
