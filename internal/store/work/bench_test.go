package work_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
	"alertd/internal/store/work"
)

// fillQueue has 100,000 deliveries wait on the channel "chat": 50,000 are ready, the next
// attempt of 25,000 is due in an hour, and as many stand behind those. The channel "mail"
// has nothing to do.
func fillQueue(tb testing.TB, db storetest.Database) {
	tb.Helper()
	id, now := `gen_random_uuid()`, time.Now()
	if db.Config.Driver == store.SQLite {
		id = `randomblob(16)`
	}
	const numbers = `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000) `
	due := fmt.Sprintf(`CASE WHEN n > 50000 THEN %d ELSE %d END`, now.UnixMicro(), now.Add(time.Hour).UnixMicro())
	db.Exec(tb, numbers+`INSERT INTO notices (incident, number, notice) SELECT n, 1, '{}' FROM numbers WHERE n <= 75000`)
	db.Exec(tb, numbers+`INSERT INTO deliveries
		(number, delivery_id, incident, generation, notice, reason, channel, target, status, ready, created, due, give_up, attempts, error, thread, reported)
		SELECT n, `+id+`, CASE WHEN n > 50000 THEN n - 25000 ELSE (n + 1) / 2 END, 1, 1 + n % 2, 'opened', 'chat', '', 1, CASE WHEN n > 50000 THEN 1 ELSE 0 END,
		`+fmt.Sprint(now.UnixMicro())+`, `+due+`, `+fmt.Sprint(now.Add(time.Hour).UnixMicro())+`, 0, '', '', 0 FROM numbers`)
	db.Exec(tb, numbers+`INSERT INTO timers (kind, subject, due) SELECT 2, n, `+due+` FROM numbers`)
	if db.Config.Driver == store.Postgres { // as autovacuum does by itself
		db.Exec(tb, `ANALYZE`)
	}
}

func onFilled(b *testing.B, bench func(b *testing.B, w *work.Work)) {
	b.Helper()
	for driver, create := range databases {
		b.Run(driver, func(b *testing.B) {
			db := create(b)
			log := db.Open(b)
			fillQueue(b, db)
			bench(b, work.New(log.Store))
		})
	}
}

func BenchmarkClaim(b *testing.B) {
	onFilled(b, func(b *testing.B, w *work.Work) {
		b.Helper()
		for channel, most := range map[string]int{"chat": 4, "mail": 0} {
			b.Run(channel, func(b *testing.B) {
				for b.Loop() {
					require.NoError(b, w.Transact(b.Context(), func(ctx context.Context, tx *work.Tx) error {
						claimed, err := claim(ctx, tx, channel, 4)
						require.Len(b, claimed, most)
						return err
					}))
				}
			})
		}
	})
}

// BenchmarkNextTimer is what the timers' loop asks for, with 100,000 deliveries waiting.
func BenchmarkNextTimer(b *testing.B) {
	onFilled(b, func(b *testing.B, w *work.Work) {
		b.Helper()
		for b.Loop() {
			_, found, err := w.NextTimer(b.Context(), true)
			require.NoError(b, err)
			require.True(b, found)
		}
	})
}

// BenchmarkQueues is what metrics ask for, with 100,000 deliveries waiting.
func BenchmarkQueues(b *testing.B) {
	onFilled(b, func(b *testing.B, w *work.Work) {
		b.Helper()
		for b.Loop() {
			queues, _, err := w.Queues(b.Context())
			require.NoError(b, err)
			require.Equal(b, 100_000, queues["chat"].Waiting)
		}
	})
}

// BenchmarkCountOpen is what GET /stats asks for, with 10,000 open incidents.
func BenchmarkCountOpen(b *testing.B) {
	for driver, create := range databases {
		b.Run(driver, func(b *testing.B) {
			db := create(b)
			log := db.Open(b)
			id := `gen_random_uuid()`
			if driver == store.SQLite {
				id = `randomblob(16)`
			}
			db.Exec(b, `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000)
				INSERT INTO incidents (number, incident_id, fingerprint, status, severity, category, source, last_seen, state)
				SELECT n, `+id+`, 'print ' || n, CASE WHEN n > 10000 THEN 3 ELSE 1 + n % 2 END, 1 + n / 2 % 5, 1, 'gate', n, '`+strings.Repeat("x", 1500)+`' FROM numbers`)
			if driver == store.Postgres { // as autovacuum does by itself
				db.Exec(b, `VACUUM ANALYZE incidents`)
			}
			w := work.New(log.Store)
			for b.Loop() {
				open, err := w.CountOpen(b.Context())
				require.NoError(b, err)
				require.Equal(b, 1000, open[incident.Triggered][alerting.SeverityError])
			}
		})
	}
}
