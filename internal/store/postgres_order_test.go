package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
)

// TestNothingIsClaimedWhileWhatComesBeforeItIsRetried has another worker look for
// messages between a retry by hand and its commit.
func TestNothingIsClaimedWhileWhatComesBeforeItIsRetried(t *testing.T) {
	t.Parallel()
	log := startStore(t, postgresConfig(t))
	first, second := delivery.NewID(), delivery.NewID()
	claim := func(ctx context.Context, tx *store.Tx) []store.Claimed {
		claimed, _, err := tx.Claim(ctx, store.Which{Channel: "chat", Most: 10}, store.Claim{ID: delivery.NewID(), For: time.Minute})
		require.NoError(t, err)
		return claimed
	}
	plan := func(ctx context.Context, tx *store.Tx, id delivery.ID, notice int, reason incident.Reason) {
		i := incident.Incident{
			ID: incident.NewID(), Number: 1, Status: incident.Triggered, Severity: alerting.SeverityError,
			Category: alerting.CategoryOther, Grouping: incident.ByMessage,
		}
		require.NoError(t, tx.AddNotice(ctx, incident.Notice{Incident: i, Number: notice, Reason: reason}))
		d := delivery.Delivery{ID: id, Incident: 1, Notice: notice, Reason: reason, Channel: "chat", GiveUpAt: tx.Now().Add(time.Hour)}
		added, err := tx.AddDelivery(ctx, d, store.Claim{})
		require.NoError(t, err)
		require.True(t, added)
	}
	require.NoError(t, log.Work(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		plan(ctx, tx, first, 1, incident.Opened)
		failed := claim(ctx, tx)
		_, err := tx.Finish(ctx, failed[0], delivery.Attempt{Outcome: channel.Permanent}, delivery.Step{Status: delivery.Failed}, "")
		plan(ctx, tx, second, 2, incident.WasAcknowledged)
		return err
	}))
	look := func() (ids []delivery.ID) {
		require.NoError(t, log.Work(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			ids = nil
			for _, c := range claim(ctx, tx) {
				ids = append(ids, c.Delivery.ID)
			}
			return nil
		}))
		return ids
	}
	require.NoError(t, log.Decide(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		err := tx.Retry(ctx, first, tx.Now().Add(time.Hour))
		require.Empty(t, look(), "the second must wait for the first")
		return err
	}))
	require.Equal(t, []delivery.ID{first}, look())
}
