package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
)

func TestTheFileShrinksAsEventsAreDeletedWhileItIsInUse(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	context, err := alerting.ParseContext(fmt.Appendf(nil, `{"trace":%q}`, strings.Repeat("x", 20_000)))
	require.NoError(t, err)
	alert := storetest.Alert("large")
	alert.Context = context
	log := db.Start(t, func(c *store.Config) { c.RetentionEvents = 100 })
	for range 10 {
		log.Add(t, repeat(alert, 200)...)
	}
	size := func() int64 {
		info, err := os.Stat(db.Config.Path)
		require.NoError(t, err)
		return info.Size()
	}
	large := size()
	require.Greater(t, large, int64(30<<20))
	_, err = log.Retain(t.Context())
	require.NoError(t, err)
	require.Zero(t, db.Number(t, `PRAGMA freelist_count`))
	require.Less(t, size(), large/3, "of the rest a part may still be in the write-ahead log")
	log.Stop()
	require.Less(t, size(), int64(5<<20))
}

func TestWhoWaitsToWriteCanGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a lock that is no channel would stop its time
		db := storetest.SQLite(t)
		config := db.Config
		config.Logger = slog.New(slog.DiscardHandler)
		s, err := store.Open(t.Context(), config)
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		nothing := func(context.Context, store.Transaction, time.Time) error { return nil }

		tx, err := db.SQL.BeginTx(t.Context(), nil) // another program holds the file
		require.NoError(t, err)
		first := make(chan error, 1)
		go func() { first <- s.Transact(t.Context(), false, nothing) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, s.Transact(ctx, false, nothing), context.DeadlineExceeded)
		require.Equal(t, 50*time.Millisecond, time.Since(began))
		require.Empty(t, first, "the first one goes on waiting for the file")
		require.NoError(t, tx.Rollback())
		require.NoError(t, <-first)
		require.NoError(t, s.Transact(t.Context(), false, nothing))
	})
}

func repeat(alert alerting.Alert, n int) []alerting.Alert {
	alerts := make([]alerting.Alert, n)
	for i := range alerts {
		alerts[i] = alert
	}
	return alerts
}
