package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/store"
)

var tallyCases = []testCase{
	{"each event is counted once by its time", talliesEach},
	{"what is there already is counted in parts, around damage", talliesHistory},
	{"what is deleted is not counted any more", talliesWhatIsKept},
	{"what a transaction has counted that fails is counted again", talliesOnce},
	{"events of the first and the last day are counted", talliesTheEdges},
}

// tally counts a part of the log.
func (l *Log) tally(tb testing.TB, part store.Unfolded) (more bool) {
	tb.Helper()
	require.NoError(tb, l.Transact(tb.Context(), true, func(ctx context.Context, tx store.Transaction, _ time.Time) (err error) {
		more, err = l.TallyPart(ctx, tx, part)
		return err
	}))
	return more
}

// tallyAll counts what there is, in parts of up to 500 events.
func (l *Log) tallyAll(tb testing.TB, after alerting.Seq, random *rand.Rand) alerting.Seq {
	tb.Helper()
	for {
		part, err := l.Unfolded(tb.Context(), after, 1+random.IntN(500))
		require.NoError(tb, err)
		if part.Through == after {
			return after
		}
		require.False(tb, l.tally(tb, part))
		after = part.Through
	}
}

// randomSpan returns a span around the events of [History], and how many buckets it may have.
func randomSpan(random *rand.Rand) (since, until time.Time, most int) {
	since = historyStart.Add(time.Duration(random.Int64N(int64(40*24*time.Hour))) - 20*24*time.Hour).Truncate(time.Microsecond)
	length := time.Minute << random.IntN(17) // up to 45 days
	return since, since.Add(1 + time.Duration(random.Int64N(int64(length)))).Add(time.Microsecond), 1 + random.IntN(500)
}

// requireTallied compares histograms of random spans with the events of the log, and a bucket
// of each with what a query for its span finds.
func requireTallied(tb testing.TB, log *Log, random *rand.Rand) {
	tb.Helper()
	events := log.Everything(tb)
	for range 60 {
		since, until, most := randomSpan(random)
		got, want := alerting.NewHistogram(since, until, most), alerting.NewHistogram(since, until, most)
		require.NoError(tb, log.Tally(tb.Context(), got))
		for _, event := range events {
			want.Add(event.Timestamp(), event.Severity(), 1)
		}
		require.Equal(tb, want, got, "%s to %s in %d", since, until, most)

		one := got.Buckets[random.IntN(len(got.Buckets))]
		page, err := log.Query(tb.Context(), alerting.Query{Limit: 10_000, Filter: alerting.Filter{Since: one.Start, Until: one.Start.Add(got.Width)}})
		require.NoError(tb, err)
		var found [alerting.SeverityCritical + 1]int64
		for _, event := range page.Events {
			found[event.Severity()]++
		}
		require.Equal(tb, found, one.Events)
	}
}

func newRandom(tb testing.TB) *rand.Rand {
	tb.Helper()
	seed := rand.Uint64()
	tb.Logf("the seed is %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func talliesEach(t *testing.T, db Database) {
	log, random := db.Start(t), newRandom(t)
	after := alerting.Seq(0)
	for i := range 6 {
		alerts := make([]alerting.Alert, 300)
		for n := range alerts {
			alerts[n] = RandomAlert(random, 300*i+n)
		}
		log.Add(t, alerts...)
		if i == 2 {
			log.Buffer().Forget(alerting.Seq(1) << 60) // the next are read
		}
		overlap := log.AllAfter(t, max(0, after-50), alerting.Filter{})[:60] // as of another replica, which lags behind
		require.False(t, log.tally(t, store.Unfolded{After: max(0, after-50), Through: overlap[59].Seq(), All: overlap}))
		after = log.tallyAll(t, overlap[59].Seq(), random)
	}
	requireTallied(t, log, random)
}

func talliesHistory(t *testing.T, db Database) {
	const events = 6000
	db.Open(t).Stop() // makes the schema
	db.Insert(t, History(t, events)...)
	db.Exec(t, `DELETE FROM events WHERE seq < 100`) // as retention does
	db.Exec(t, `UPDATE events SET json = '{' WHERE seq = 200`)
	db.Exec(t, `UPDATE events SET json = substr(json, 1, 64) || '2026-13-45' || substr(json, 75) WHERE seq = 201`)
	log := db.Start(t)
	rounds := 1
	for log.tally(t, store.Unfolded{After: events, Through: events}) {
		rounds++
	}
	require.Equal(t, 2, rounds)
	db.Exec(t, `DELETE FROM events WHERE seq IN (200, 201)`)
	random := newRandom(t)
	log.Add(t, RandomAlert(random, events))
	log.tallyAll(t, events, random)
	requireTallied(t, log, random)
}

func talliesWhatIsKept(t *testing.T, db Database) {
	log, random := db.Start(t, keepEvents(700)), newRandom(t)
	require.NoError(t, log.SaveCursor(t.Context(), "tallies", 0))
	after := alerting.Seq(0)
	for i := range 4 {
		alerts := make([]alerting.Alert, 500)
		for n := range alerts {
			alerts[n] = RandomAlert(random, 500*i+n)
		}
		log.Add(t, alerts...)
		retain(t, db, log)
		require.Equal(t, int64(after)+500, db.Number(t, `SELECT max(seq) FROM events`))
		require.GreaterOrEqual(t, int64(after)+1, db.Number(t, `SELECT min(seq) FROM events`), "it waits until they are counted")
		after = log.tallyAll(t, after, random)
	}
	retain(t, db, log)
	requireKept(t, log, 1301, 2000)
	requireTallied(t, log, random)
	require.Zero(t, db.Number(t, `SELECT count(*) FROM event_tallies WHERE debug + info + warning + error + critical <= 0`))
	require.Equal(t, int64(3*700), db.Number(t, `SELECT sum(debug + info + warning + error + critical) FROM event_tallies`))
}

func talliesOnce(t *testing.T, db Database) {
	log := db.Start(t)
	log.Add(t, Alerts(10)...)
	part, err := log.Unfolded(t.Context(), 0, 100)
	require.NoError(t, err)
	wrong := errors.New("wrong")
	for range 3 {
		require.ErrorIs(t, log.Transact(t.Context(), true, func(ctx context.Context, tx store.Transaction, _ time.Time) error {
			_, err := log.TallyPart(ctx, tx, part)
			return errors.Join(err, wrong)
		}), wrong)
	}
	require.Zero(t, db.Number(t, `SELECT count(*) FROM event_tallies`))
	for range 3 {
		log.tally(t, part)
	}
	require.Equal(t, int64(30), db.Number(t, `SELECT sum(warning) FROM event_tallies`))
}

func talliesTheEdges(t *testing.T, db Database) {
	at := func(text string) alerting.Alert {
		alert := Alert("alert")
		alert.Timestamp = must(time.Parse(time.RFC3339Nano, text))
		return alert
	}
	log := db.Start(t)
	log.Add(t, at("1970-01-01T00:00:00Z"), at("1970-01-01T00:00:00.000001Z"), at("2999-12-31T23:59:59.999999Z"), at("9999-12-31T23:59:59.999999Z"))
	log.tallyAll(t, 0, newRandom(t))
	for _, c := range []struct {
		since, until string
		most         int
		want         int64
	}{
		{"1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z", 1, 2},
		{"1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", 500, 2},
		{"2999-12-31T23:59:59Z", "2999-12-31T23:59:59.999999Z", 1, 1},
		{"2999-12-30T00:00:00Z", "2999-12-31T23:59:59.999999Z", 2, 1},
		{"2990-01-01T00:00:00Z", "2999-12-31T00:00:00Z", 1, 1},
	} {
		h := alerting.NewHistogram(must(time.Parse(time.RFC3339Nano, c.since)), must(time.Parse(time.RFC3339Nano, c.until)), c.most)
		require.NoError(t, log.Tally(t.Context(), h))
		n := int64(0)
		for _, b := range h.Buckets {
			n += b.Events[alerting.SeverityWarning]
		}
		require.Equal(t, c.want, n, "%+v", c)
	}
	require.Equal(t, int64(12), db.Number(t, `SELECT sum(warning) FROM event_tallies`))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
