package failuretest_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/pgtest"
	"alertd/internal/store"
)

func postgres(dsn string) store.Config {
	return store.Config{Driver: store.Postgres, DSN: dsn, Timeout: 3 * time.Second}
}

// connect opens a connection of the test's own.
func connect(tb testing.TB, dsn string) *pgx.Conn {
	tb.Helper()
	connection, err := pgx.Connect(tb.Context(), dsn)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = connection.Close(context.WithoutCancel(tb.Context())) })
	return connection
}

// readPostgres returns what the database holds.
func readPostgres(tb testing.TB, dsn string) []logged {
	tb.Helper()
	rows, err := connect(tb, dsn).Query(tb.Context(), `SELECT seq, event_id, json FROM events ORDER BY seq`)
	require.NoError(tb, err)
	log, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (logged, error) {
		var event logged
		var id uuid.UUID
		err := row.Scan(&event.seq, &id, &event.json)
		event.id = alerting.EventID(id)
		return event, err
	})
	require.NoError(tb, err)
	return log
}

func TestStoppedPostgreSQLLosesNothing(t *testing.T) {
	t.Parallel()
	cluster := pgtest.StartCluster(t)
	dsn := cluster.DSN(pgtest.MaintenanceDatabase)
	s, other := start(t, postgres(dsn)), start(t, postgres(dsn))
	first, second := follow(t, s), follow(t, other)
	clients := run(t, s)
	others := runOn(t, clients.account, other, 4)
	clients.waitMore(t, 100)

	for _, stop := range []struct {
		name string
		stop func(context.Context) error
	}{
		{"fast", func(ctx context.Context) error { return cluster.Stop(ctx, pgtest.Fast) }},
		{"immediate", func(ctx context.Context) error { return cluster.Stop(ctx, pgtest.Immediate) }},
		{"killed", cluster.Kill},
	} {
		require.NoError(t, stop.stop(t.Context()), stop.name)
		clients.waitRefused(t)
		s.waitNotReady(t, "database")
		require.NoError(t, cluster.Start(t.Context()), stop.name)
		back := time.Now()
		clients.waitMore(t, 50)
		others.waitMore(t, 50)
		s.waitReady(t)
		require.Less(t, time.Since(back), 5*time.Second, "ingest goes on by itself soon")
	}
	clients.stop()
	others.stop()
	log := readPostgres(t, dsn)
	clients.account.check(t, log)
	first.check(t, log)
	second.check(t, log)
	checkCounted(t, log, s, other)
}
