package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
)

var retentionOfIncidentsCases = []testCase{
	{"incidents that were resolved long ago are deleted with all that belongs to them", retainsIncidents},
	{"without a limit of age every incident is kept", retainsIncidentsForGood},
	{"an incident with a message that waits is kept", retainsWhatWaits},
	{"events take their place in an incident along", retainsEventsOfIncidents},
	{"large incidents are deleted in small steps", deletesIncidentsInSteps},
	{"a message that is tried again keeps its incident, also at the last moment", retainsWhatIsRetried},
	{"folds and claims go on meanwhile", deletesIncidentsMeanwhile},
}

// belongings are the tables with what belongs to an incident, and the incidents.
var belongings = []string{"incidents", "incident_folds", "incident_entries", "notices", "deliveries", "delivery_attempts"}

// rows counts those of all belongings.
func rows(tb testing.TB, db Database) map[string]int64 {
	tb.Helper()
	counts := map[string]int64{}
	for _, table := range belongings {
		counts[table] = db.Number(tb, `SELECT count(*) FROM `+table)
	}
	return counts
}

// tells opens an incident of an event that is told on a channel, with an attempt.
func (l *Log) tells(tb testing.TB, seq int64, message string) incident.Incident {
	tb.Helper()
	i := l.opens(tb, message)
	l.decide(tb, func(ctx context.Context, t *store.Tx) {
		require.NoError(tb, t.AddEvents(ctx, []int64{seq}, []int64{int64(i.Number)}))
	})
	l.plans(tb, &i, incident.Opened, "chat")
	l.delivers(tb, l.claimsOne(tb, "chat"))
	return i
}

func retainsIncidents(t *testing.T, db Database) {
	log := db.Start(t, keepFor(24*time.Hour))
	require.NoError(t, log.SaveCursor(t.Context(), "slow", 0)) // the events stay
	events := log.Add(t, Alerts(4)...)
	old, young, open := log.tells(t, 1, "alert a"), log.tells(t, 2, "alert b"), log.tells(t, 3, "alert c")
	log.resolves(t, &old)
	db.Advance(t, 20*time.Hour)
	log.resolves(t, &young)
	retain(t, db, log)
	require.Equal(t, int64(3), rows(t, db)["incidents"])

	db.Advance(t, 5*time.Hour)
	retain(t, db, log)
	for table, n := range rows(t, db) {
		require.Equal(t, int64(2), n, table)
	}
	require.Equal(t, uint64(1), log.Counts().DeletedIncidents)
	require.Zero(t, log.Counts().Deleted)
	_, err := log.Incident(t.Context(), old.ID)
	require.Error(t, err)
	for _, kept := range []incident.Incident{young, open} {
		timeline, err := log.Timeline(t.Context(), kept.ID)
		require.NoError(t, err)
		require.Len(t, timeline, 1)
		page, err := log.Deliveries(t.Context(), delivery.Query{Incident: kept.ID, Limit: 10})
		require.NoError(t, err)
		require.Len(t, page.Deliveries, 1)
		_, attempts, err := log.Delivery(t.Context(), page.Deliveries[0].ID)
		require.NoError(t, err)
		require.Len(t, attempts, 1)
	}
	of, err := log.IncidentsOf(t.Context(), eventsOf(events))
	require.NoError(t, err)
	require.Equal(t, map[alerting.Seq]incident.ID{2: young.ID, 3: open.ID}, of, "an event outlives its incident, and has none then")

	db.Advance(t, 1000*time.Hour)
	retain(t, db, log)
	require.Equal(t, int64(1), rows(t, db)["incidents"], "an open one is never deleted")
	require.Equal(t, incident.Number(4), log.opens(t, "alert d").Number)
}

func retainsIncidentsForGood(t *testing.T, db Database) {
	log := db.Start(t, keepEvents(1))
	log.Add(t, Alerts(2)...)
	i := log.tells(t, 2, "alert")
	log.resolves(t, &i)
	db.Advance(t, 100*365*24*time.Hour)
	retain(t, db, log)
	requireKept(t, log, 2, 2)
	for table, n := range rows(t, db) {
		require.Equal(t, int64(1), n, table)
	}
}

func retainsWhatWaits(t *testing.T, db Database) {
	log := db.Start(t, keepFor(time.Hour))
	i := log.tells(t, 1, "alert")
	log.plans(t, &i, incident.WasResolved, "mail")
	log.resolves(t, &i)
	db.Advance(t, 1000*time.Hour)
	retain(t, db, log)
	require.Equal(t, map[string]int64{
		"incidents": 1, "incident_folds": 1, "incident_entries": 1, "notices": 2, "deliveries": 2, "delivery_attempts": 1,
	}, rows(t, db))
	log.work(t, func(ctx context.Context, tx *store.Tx) {
		expired, err := tx.Expired(ctx, []string{"chat", "mail"}, nil, 10)
		require.NoError(t, err)
		require.Len(t, expired, 1)
		ended, err := tx.End(ctx, expired[0], delivery.Failed, "given up")
		require.NoError(t, err)
		require.True(t, ended)
	})
	retain(t, db, log)
	for table, n := range rows(t, db) {
		require.Zero(t, n, table)
	}
}

func retainsEventsOfIncidents(t *testing.T, db Database) {
	log := db.Start(t, keepEvents(3))
	require.NoError(t, log.SaveCursor(t.Context(), "engine", 0))
	events := eventsOf(log.Add(t, Alerts(10)...))
	i := log.opens(t, "alert")
	log.decide(t, func(ctx context.Context, tx *store.Tx) {
		for _, fold := range [][]int64{{1}, {2, 3}, {4, 5, 6, 7}, {8}, {9, 10}} {
			require.NoError(t, tx.AddEvents(ctx, fold, slices.Repeat([]int64{1}, len(fold))))
		}
		require.NoError(t, tx.Advance(ctx, 10))
	})
	retain(t, db, log)
	for _, table := range []string{"folds", "incident_folds"} {
		require.Equal(t, []int64{2, 8}, []int64{db.Number(t, `SELECT count(*) FROM `+table), db.Number(t, `SELECT min(through) FROM `+table)})
	}
	found, err := log.IncidentEvents(t.Context(), i.ID, 100)
	require.NoError(t, err)
	require.Equal(t, []alerting.Seq{10, 9, 8}, seqsOf(found))
	of, err := log.IncidentsOf(t.Context(), events)
	require.NoError(t, err)
	require.Len(t, of, 3)
	log.Add(t, Alerts(1)...)
	log.decide(t, func(ctx context.Context, tx *store.Tx) { require.NoError(t, tx.Advance(ctx, 11)) })
	retain(t, db, log)
	found, err = log.IncidentEvents(t.Context(), i.ID, 100)
	require.NoError(t, err)
	require.Equal(t, []alerting.Seq{10, 9}, seqsOf(found), "a fold stays until all its events are gone")
}

// deletesIncidentsInSteps ends retention in the middle, and has it go on later.
func deletesIncidentsInSteps(t *testing.T, db Database) {
	const each = 3000
	log := db.Open(t)
	require.NoError(t, log.Attach(t.Context(), log.Sink, 1))
	log.Run()
	i, open := log.opens(t, "alert a"), log.opens(t, "alert b")
	log.resolves(t, &i)
	log.Stop()
	db.Advance(t, 100*time.Hour)
	numbers := fmt.Sprintf(`WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d) `, 2*each)
	for _, statement := range []string{
		`INSERT INTO incident_folds (incident, through) SELECT 1 + n % 2, n FROM numbers`,
		`INSERT INTO incident_entries (incident, entry) SELECT 1 + n % 2, '{}' FROM numbers`,
		`INSERT INTO notices (incident, number, notice) SELECT 1 + n % 2, n + 1, '{}' FROM numbers`,
	} {
		db.Exec(t, numbers+statement)
	}
	left := func() (all int64) {
		for _, n := range rows(t, db) {
			all += n
		}
		return all
	}
	before := left()

	log = db.Open(t, keepFor(24*time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	var group errgroup.Group
	group.Go(func() error {
		_, err := log.Retain(ctx)
		return err
	})
	waitUntil(t, func() bool { return left() < before })
	cancel()
	if err := group.Wait(); err != nil {
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, (before-left())%500, "each step is whole")
		_, err := log.Incident(t.Context(), i.ID)
		require.NoError(t, err, "the incident goes last")
	}
	_, err := log.Retain(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int64{
		"incidents": 1, "incident_folds": each, "incident_entries": each + 1, "notices": each + 1, "deliveries": 0, "delivery_attempts": 0,
	}, rows(t, db))
	_, err = log.Incident(t.Context(), open.ID)
	require.NoError(t, err)
	require.Equal(t, uint64(1), log.Counts().DeletedIncidents)
}

// retainsWhatIsRetried has a person try failed messages again while retention runs: what
// the one has got, the other has not.
func retainsWhatIsRetried(t *testing.T, db Database) {
	const incidents = 30
	log := db.Open(t, keepFor(24*time.Hour))
	require.NoError(t, log.Attach(t.Context(), log.Sink, 1))
	var failed []delivery.ID
	for n := range incidents {
		i := log.opens(t, fmt.Sprintf("alert %c%c", 'a'+n%26, 'a'+n/26))
		failed = append(failed, log.plans(t, &i, incident.Opened, "chat").ID)
		log.fails(t, log.claimsOne(t, "chat"))
		log.resolves(t, &i)
	}
	db.Advance(t, 100*time.Hour)
	var group errgroup.Group
	group.Go(func() error {
		_, err := log.Retain(t.Context())
		return err
	})
	retried := 0
	for n := range failed {
		err := log.Work(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			if err := tx.Retry(ctx, failed[incidents-1-n], tx.Now().Add(time.Hour)); err != nil {
				return err
			}
			return tx.AddEntries(ctx, incident.Number(incidents-n), incident.Entry{Kind: incident.EntryRetrying})
		})
		if err == nil {
			retried++
			continue
		}
		require.ErrorContains(t, err, "there is no delivery")
	}
	require.NoError(t, group.Wait())
	_, err := log.Retain(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int64{
		"incidents": int64(retried), "incident_folds": 0, "incident_entries": 2 * int64(retried), "notices": int64(retried),
		"deliveries": int64(retried), "delivery_attempts": db.Number(t, `SELECT count(*) FROM delivery_attempts`),
	}, rows(t, db))
	require.Len(t, log.claims(t, "chat", incidents), retried)
}

func deletesIncidentsMeanwhile(t *testing.T, db Database) {
	const incidents = 120 // more than are looked at at once
	logs := replicas(t, db, keepFor(24*time.Hour))
	for range incidents {
		i := logs[0].opens(t, "alert")
		logs[0].plans(t, &i, incident.Opened, "old")
		logs[0].resolves(t, &i)
		logs[0].fails(t, logs[0].claimsOne(t, "old"))
	}
	db.Advance(t, 100*time.Hour)
	ctx, done := context.WithCancel(t.Context())
	defer done()
	var group errgroup.Group
	for n, log := range logs {
		name := fmt.Sprintf("chat-%d", n)
		group.Go(func() error { // opens and ends incidents, and tells of them
			for round := 0; ctx.Err() == nil || round == 0; round++ {
				var id delivery.ID
				err := log.Decide(t.Context(), func(ctx context.Context, tx *store.Tx) error { //nolint:contextcheck // it goes on to its end
					number, err := tx.NextIncident(ctx)
					if err != nil {
						return err
					}
					i, change := open(number, eventOf(t, alerting.Seq(number), Alert(name+" is x")), tx.Now())
					i.Resolve(incident.Action{By: "ada"}, nil, tx.Now())
					id = delivery.NewID()
					_, err = tx.AddDelivery(ctx, delivery.Delivery{ID: id, Incident: number, Notice: 1, Reason: incident.Opened, Channel: name, GiveUpAt: tx.Now().Add(time.Hour)}, store.Claim{})
					return errors.Join(err, tx.SaveIncident(ctx, i), tx.AddNotice(ctx, *change.Notice))
				})
				if err != nil {
					return err
				}
				err = log.Work(t.Context(), func(ctx context.Context, tx *store.Tx) error { //nolint:contextcheck // it goes on to its end
					claimed, _, err := tx.Claim(ctx, store.Which{Channel: name, Most: 10}, store.Claim{ID: delivery.NewID(), For: time.Minute})
					if err != nil || len(claimed) != 1 || claimed[0].Delivery.ID != id {
						return fmt.Errorf("claimed %d deliveries: %w", len(claimed), err)
					}
					_, err = tx.Finish(ctx, claimed[0], delivery.Attempt{At: tx.Now(), Outcome: channel.Delivered}, delivery.Step{Status: delivery.Delivered, DueAt: tx.Now()}, "")
					return err
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	waitUntil(t, func() bool {
		for _, log := range logs {
			_, err := log.Retain(t.Context())
			require.NoError(t, err)
		}
		return db.Number(t, `SELECT count(*) FROM deliveries WHERE channel = 'old'`) == 0
	})
	done()
	require.NoError(t, group.Wait())
	left := rows(t, db)
	for _, table := range []string{"incidents", "notices", "deliveries", "delivery_attempts"} {
		require.Equal(t, left["incidents"], left[table], table)
	}
	deleted := logs[0].Counts().DeletedIncidents
	if logs[0] != logs[1] {
		deleted += logs[1].Counts().DeletedIncidents
	}
	require.Equal(t, uint64(incidents), deleted)
}
