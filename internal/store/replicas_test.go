package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
)

// replicas lets several logs run on one database.
func replicas(tb testing.TB, db storetest.Database, n int, changes ...func(*store.Config)) []*storetest.Log {
	tb.Helper()
	logs := make([]*storetest.Log, n)
	for i := range logs {
		logs[i] = db.Start(tb, changes...)
	}
	return logs
}

// write registers alerts on every log at once, in requests of several sizes, and
// returns how many.
func write(tb testing.TB, logs []*storetest.Log, requests int) int {
	tb.Helper()
	var group errgroup.Group
	var mu sync.Mutex
	total := 0
	for i, log := range logs {
		group.Go(func() error {
			for n := range requests {
				drafts := storetest.Drafts(tb, repeat(storetest.Alert(fmt.Sprintf("request %d of replica %d", n, i)), 1+n%5)...)
				appended, err := log.Append(tb.Context(), drafts)
				if err != nil {
					return err
				}
				for j, a := range appended {
					if a.Duplicate || a.Event.Seq() != appended[0].Event.Seq()+alerting.Seq(j) {
						return fmt.Errorf("event %d at %d after %d", a.Event.Seq(), j, appended[0].Event.Seq())
					}
				}
				mu.Lock()
				total += len(appended)
				mu.Unlock()
			}
			return nil
		})
	}
	require.NoError(tb, group.Wait())
	return total
}

// requireConsecutive makes sure that there are n events, numbered from 1.
func requireConsecutive(tb testing.TB, n int, events []*alerting.Event) {
	tb.Helper()
	for i, event := range events {
		require.Equal(tb, alerting.Seq(i)+1, event.Seq())
	}
	require.Equal(tb, n, len(events), "how many there are") //nolint:testifylint // Len would show them all
}

func TestEveryReplicaHasAllEventsInOneOrder(t *testing.T) {
	t.Parallel()
	logs := replicas(t, storetest.PostgreSQL(t), 3)
	total := write(t, logs, 40)
	var here []alerting.Seq
	for _, log := range logs {
		requireConsecutive(t, total, log.Sink.Wait(t, total))
		requireConsecutive(t, total, log.Everything(t))
		here = append(here, log.Sink.Here()...)
	}
	slices.Sort(here)
	require.Equal(t, total, len(slices.Compact(here)), "each event was registered at one replica") //nolint:testifylint // Len would show them all
	require.Equal(t, total, len(here), "and at no other")                                          //nolint:testifylint // Len would show them all
}

func TestAnEventIsVisibleAtOtherReplicasAtOnce(t *testing.T) {
	t.Parallel()
	logs := replicas(t, storetest.PostgreSQL(t), 2)
	var took []time.Duration
	for i := range 41 {
		here, there := logs[i%2], logs[1-i%2]
		here.Add(t, storetest.Alert("alert"))
		began := time.Now()
		there.Sink.Wait(t, i+1)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("after the answer it took %s until the other replica had it (the median; at most %s)", took[20], took[40])
	require.Less(t, took[20], 150*time.Millisecond, "polling alone would take 250 ms")
}

// searchPath makes a database look for functions in its own schema first.
func searchPath(dsn string) string { return dsn + "&search_path=public,pg_catalog" }

func TestWithoutNotificationsReplicasLookForThemselves(t *testing.T) {
	t.Parallel()
	db := storetest.PostgreSQL(t)
	db.Config.DSN = searchPath(db.Config.DSN)
	db.Exec(t, `CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE sql AS ''`)
	listener, err := pgx.Connect(t.Context(), db.Config.DSN)
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close(t.Context())) }()
	_, err = listener.Exec(t.Context(), `LISTEN alertd_events`)
	require.NoError(t, err)

	logs := replicas(t, db, 2)
	total := write(t, logs, 5)
	for _, log := range logs {
		requireConsecutive(t, total, log.Sink.Wait(t, total))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = listener.WaitForNotification(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "there was no notification")
}

func TestAFollowerComesBackWhenItsConnectionIsLost(t *testing.T) {
	t.Parallel()
	db := storetest.PostgreSQL(t)
	logs := replicas(t, db, 2)
	total := 0
	for range 5 {
		require.Eventually(t, func() bool {
			return db.Number(t, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
				WHERE datname = current_database() AND query = 'LISTEN alertd_events'`) > 0
		}, 20*time.Second, 10*time.Millisecond)
		total += write(t, logs, 3)
		for _, log := range logs {
			requireConsecutive(t, total, log.Sink.Wait(t, total))
		}
	}
}

func TestAnIDIsRegisteredOnceOnAllReplicas(t *testing.T) {
	t.Parallel()
	logs := replicas(t, storetest.PostgreSQL(t), 3)
	for range 20 {
		alert, keyed := storetest.Alert("id"), storetest.Alert("key")
		alert.EventID, keyed.IdempotencyKey = alerting.NewEventID(), alerting.NewEventID().String()
		var group errgroup.Group
		var mu sync.Mutex
		fresh, seqs := 0, map[alerting.Seq]bool{}
		for _, log := range logs {
			group.Go(func() error {
				appended, err := log.Append(t.Context(), storetest.Drafts(t, alert, keyed))
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				for _, a := range appended {
					seqs[a.Event.Seq()] = true
					if !a.Duplicate {
						fresh++
					}
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
		require.Equal(t, 2, fresh)
		require.Len(t, seqs, 2)
	}
}

// TestATailingReaderMeetsEveryEventOnceAndInOrder has writers whose transactions
// are held up at every step, so that those that began later would end earlier, if
// they were let.
func TestATailingReaderMeetsEveryEventOnceAndInOrder(t *testing.T) {
	t.Parallel()
	db := storetest.PostgreSQL(t)
	db.Open(t).Stop() // makes the schema
	db.Exec(t, `CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN PERFORM pg_sleep(random() * 0.01); RETURN NULL; END'`)
	db.Exec(t, `CREATE TRIGGER before BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION dawdle()`)
	db.Exec(t, `CREATE TRIGGER after AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION dawdle()`)
	db.Exec(t, `CREATE CONSTRAINT TRIGGER commit AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW WHEN (new.seq % 3 = 0) EXECUTE FUNCTION dawdle()`)
	writers := replicas(t, db, 4)
	onlooker := db.Start(t)

	ctx, written := context.WithCancel(t.Context())
	var readers errgroup.Group
	total := 0
	tail := func(read func(after alerting.Seq) ([]alerting.Seq, error)) {
		readers.Go(func() error {
			last := alerting.Seq(0)
			for ended := false; ; {
				seqs, err := read(last)
				if err != nil {
					return err
				}
				for _, seq := range seqs {
					if seq != last+1 {
						return fmt.Errorf("event %d came after %d", seq, last)
					}
					last = seq
				}
				if ended && last == alerting.Seq(total) {
					return nil
				} else if ended {
					return fmt.Errorf("%d is the last event, and not %d", last, total)
				}
				ended = ctx.Err() != nil
			}
		})
	}
	tail(func(after alerting.Seq) (seqs []alerting.Seq, err error) {
		rows, err := db.SQL.QueryContext(t.Context(), `SELECT seq FROM events WHERE seq > $1 ORDER BY seq`, int64(after))
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			var seq alerting.Seq
			if err := rows.Scan(&seq); err != nil {
				return nil, err
			}
			seqs = append(seqs, seq)
		}
		return seqs, rows.Err()
	})
	for _, log := range []*storetest.Log{onlooker, writers[0]} {
		tail(func(after alerting.Seq) ([]alerting.Seq, error) {
			stretch, err := log.After(t.Context(), after, alerting.Filter{})
			var seqs []alerting.Seq
			for _, event := range stretch.Events {
				seqs = append(seqs, event.Seq())
			}
			return seqs, err
		})
	}
	total = write(t, writers, 40)
	written()
	require.NoError(t, readers.Wait())
	for _, log := range append(writers, onlooker) {
		requireConsecutive(t, total, log.Sink.Wait(t, total))
	}
}

func TestReplicasThatStartTogetherMakeTheSchemaOnce(t *testing.T) {
	t.Parallel()
	db := storetest.PostgreSQL(t)
	began := time.Now()
	var group errgroup.Group
	opened := make([]*store.Store, 5)
	for i := range opened {
		group.Go(func() (err error) {
			opened[i], err = store.Open(t.Context(), db.Settings(t))
			return err
		})
	}
	require.NoError(t, group.Wait())
	t.Logf("took %s", time.Since(began))
	for _, s := range opened {
		require.NoError(t, s.Close())
	}
	require.Equal(t, db.Number(t, `SELECT count(DISTINCT version_id) FROM goose_db_version`), db.Number(t, `SELECT count(*) FROM goose_db_version`))
	require.Less(t, time.Since(began), 4*time.Second, "nobody sleeps while another does the work")
}

func TestReplicasBuildTheIndexOnceAndAllUseIt(t *testing.T) {
	t.Parallel()
	const segment = 8192
	db := storetest.PostgreSQL(t)
	logs := replicas(t, db, 3, func(c *store.Config) { c.RetentionEvents = 2 * segment })
	events := storetest.History(t, 4*segment+5)
	for len(events) > 0 {
		n := min(3000, len(events))
		db.Insert(t, events[:n]...)
		events = events[n:]
	}
	for _, log := range logs {
		log.Sink.Wait(t, 4*segment+5)
		require.Eventually(t, func() bool { return log.Counts().Unindexed == 5 }, 20*time.Second, 5*time.Millisecond)
	}
	require.Equal(t, int64(4), db.Number(t, `SELECT count(*) FROM event_segments`))

	// One replica deletes. All answer without the deleted events once they have run their
	// own retention.
	_, err := logs[0].Retain(t.Context())
	require.NoError(t, err)
	for _, log := range logs {
		_, err := log.Retain(t.Context())
		require.NoError(t, err)
		page, err := log.Query(t.Context(), alerting.Query{Limit: 5 * segment})
		require.NoError(t, err)
		require.Len(t, page.Events, 2*segment)
	}
}

// TestAStreamResumesAtAnotherReplica has a reader that goes from one replica to
// the next, while all of them take alerts.
func TestAStreamResumesAtAnotherReplica(t *testing.T) {
	t.Parallel()
	db := storetest.PostgreSQL(t)
	logs, managers := make([]*storetest.Log, 3), make([]*alerting.Manager, 3)
	for i := range logs {
		logs[i] = db.Open(t)
		var err error
		managers[i], err = alerting.OpenManager(t.Context(), alerting.Config{BufferSize: 20, MinSeverity: alerting.SeverityDebug}, nil, logs[i])
		require.NoError(t, err)
		logs[i].Run()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const most = 200
	var reader errgroup.Group
	reader.Go(func() error {
		last := alerting.Seq(0)
		for turn := 0; last < most; turn++ {
			var err error
			if last, err = readSome(ctx, managers[turn%3], last, 17); err != nil {
				return err
			}
		}
		return nil
	})
	require.GreaterOrEqual(t, write(t, logs, 50), most)
	require.NoError(t, reader.Wait())
}

// readSome resumes a stream after an event, reads at least n further ones, each of
// which must be the next, and returns the last.
func readSome(ctx context.Context, manager *alerting.Manager, after alerting.Seq, n int) (alerting.Seq, error) {
	last := after
	take := func(events ...*alerting.Event) error {
		for _, event := range events {
			if event.Seq() != last+1 {
				return fmt.Errorf("event %d came after %d", event.Seq(), last)
			}
			last = event.Seq()
		}
		return nil
	}
	s, err := manager.Follow(ctx, alerting.Filter{}, alerting.Resume{Active: true, After: after}, func(part alerting.Replay) error {
		if part.Gap != nil {
			return fmt.Errorf("gap %v", part.Gap)
		}
		return take(part.Events...)
	})
	if err != nil {
		return 0, err
	}
	defer s.Close()
	for last < after+alerting.Seq(n) {
		select {
		case <-s.Ready():
			events, _ := s.Take()
			if err := take(events...); err != nil {
				return 0, err
			}
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return last, nil
}

func TestTransactionsInTurnHoldUpNoOthers(t *testing.T) {
	t.Parallel()
	logs := replicas(t, storetest.PostgreSQL(t), 2)
	inTurn := func(log *storetest.Log, f func()) error {
		return log.Transact(t.Context(), true, func(ctx context.Context, tx store.Transaction, _ time.Time) error {
			var id int64
			err := tx.QueryRowContext(ctx, `SELECT id FROM engine WHERE id = 1`+log.Dialect().Hold).Scan(&id)
			f()
			return err
		})
	}
	held, release := make(chan struct{}), make(chan struct{})
	var turns errgroup.Group
	turns.Go(func() error { return inTurn(logs[0], func() { close(held); <-release }) })
	<-held
	for range 5 {
		turns.Go(func() error { return inTurn(logs[1], func() {}) })
	}
	for range 10 {
		require.NoError(t, logs[1].Transact(t.Context(), false, func(ctx context.Context, tx store.Transaction, _ time.Time) error {
			_, err := tx.ExecContext(ctx, `UPDATE log_cursors SET seq = seq WHERE name = $1`, "engine")
			return err
		}))
	}
	close(release)
	require.NoError(t, turns.Wait())
}
