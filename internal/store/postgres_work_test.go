package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/store"
)

// TestWhatADeadlockHasUndoneIsTriedAgain has somebody else take two rows in the other
// order, and wait for good: it is the store that the server gives up.
func TestWhatADeadlockHasUndoneIsTriedAgain(t *testing.T) {
	t.Parallel()
	config := postgresConfig(t)
	log := startStore(t, config)
	note := func(ctx context.Context, tx *store.Tx, name string) error {
		return tx.Note(ctx, name, channel.Result{Outcome: channel.Delivered})
	}
	require.NoError(t, log.Work(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		require.NoError(t, note(ctx, tx, "one"))
		return note(ctx, tx, "two")
	}))
	other, err := connect(t, config).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	takes := func(name string) error {
		_, err := other.ExecContext(t.Context(), `UPDATE channel_records SET successes = 100 WHERE channel = $1`, name)
		return err
	}
	_, err = other.ExecContext(t.Context(), `SET deadlock_timeout = '1h'`)
	require.NoError(t, err)
	require.NoError(t, takes("two"))
	waited := make(chan error, 1)
	attempts := 0
	require.NoError(t, log.Work(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		attempts++
		require.NoError(t, note(ctx, tx, "one"))
		if attempts == 1 {
			go func() {
				err := takes("one")
				if err == nil {
					err = other.Commit()
				}
				waited <- err
			}()
		}
		return note(ctx, tx, "two")
	}))
	require.NoError(t, <-waited)
	require.Equal(t, 2, attempts)
	records, err := log.ChannelRecords(t.Context())
	require.NoError(t, err)
	require.Equal(t, []uint64{101, 101}, []uint64{records["one"].Successes, records["two"].Successes})
	require.WithinDuration(t, time.Now(), records["one"].LastSuccess, patience)
}
