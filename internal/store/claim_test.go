package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/delivery"
	"alertd/internal/store"
)

// fillQueue has 100,000 deliveries wait on the channel "chat": those of 50,000
// incidents are due, and 25,000 other incidents have one whose next attempt is due in
// an hour and another that waits for it. The channel "mail" has nothing to do.
func fillQueue(tb testing.TB, config store.Config) {
	tb.Helper()
	db := connect(tb, config)
	id := `gen_random_uuid()`
	if config.Driver == store.SQLite {
		id = `randomblob(16)`
	}
	now := time.Now().UnixMicro()
	const numbers = `WITH RECURSIVE numbers(incident) AS (SELECT 1 UNION ALL SELECT incident + 1 FROM numbers WHERE incident < 75000) `
	for _, statement := range []string{
		numbers + `INSERT INTO notices (incident, number, notice) SELECT incident, notice, '{}' FROM numbers, (SELECT 1 AS notice UNION ALL SELECT 2) AS n
			WHERE notice = 1 OR incident <= 25000`,
		`INSERT INTO deliveries (delivery_id, incident, notice, reason, channel, status, created, due, give_up)
			SELECT ` + id + fmt.Sprintf(`, incident, number, number, 'chat', 1, %d, CASE WHEN incident > 25000 THEN %d ELSE %d END, %d
			FROM notices ORDER BY incident, number`, now, now, now+time.Hour.Microseconds(), now+time.Hour.Microseconds()),
	} {
		_, err := db.ExecContext(tb.Context(), statement)
		require.NoError(tb, err)
	}
	if config.Driver == store.Postgres { // as autovacuum does by itself
		_, err := db.ExecContext(tb.Context(), `ANALYZE`)
		require.NoError(tb, err)
	}
}

func BenchmarkClaim(b *testing.B) {
	for _, driver := range []string{store.SQLite, store.Postgres} {
		config := sqliteConfig(b)
		if driver == store.Postgres {
			config = postgresConfig(b)
		}
		log, err := store.Open(b.Context(), config)
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, log.Close()) })
		fillQueue(b, config)
		for _, channel := range []string{"chat", "mail"} {
			b.Run(driver+"/"+channel, func(b *testing.B) {
				for b.Loop() {
					err := log.Work(b.Context(), func(ctx context.Context, t *store.Tx) error {
						claimed, _, err := t.Claim(ctx, store.Which{Channel: channel, Most: 4}, store.Claim{ID: delivery.NewID(), For: time.Hour})
						if channel == "chat" && len(claimed) != 4 {
							return fmt.Errorf("%d deliveries", len(claimed))
						}
						return err
					})
					require.NoError(b, err)
				}
			})
		}
	}
}

// BenchmarkQueues is what metrics ask for, with 100,000 deliveries waiting.
func BenchmarkQueues(b *testing.B) {
	for _, driver := range []string{store.SQLite, store.Postgres} {
		config := sqliteConfig(b)
		if driver == store.Postgres {
			config = postgresConfig(b)
		}
		log, err := store.Open(b.Context(), config)
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, log.Close()) })
		fillQueue(b, config)
		b.Run(driver, func(b *testing.B) {
			for b.Loop() {
				queues, _, err := log.Queues(b.Context())
				require.NoError(b, err)
				require.Equal(b, 100_000, queues["chat"].Waiting)
			}
		})
	}
}
