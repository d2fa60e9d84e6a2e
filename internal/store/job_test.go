package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/store"
)

func TestAJobAppendsAndNothingIsDeletedMeanwhile(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, config store.Config) {
		config.Retention, config.RetentionEvents = time.Hour, 1
		for range 2 {
			require.NoError(t, store.Use(t.Context(), config, func(ctx context.Context, s *store.Store) error {
				draft, err := alerting.NewDraft(alerting.Alert{
					Severity: alerting.SeverityError, Category: alerting.CategoryOther, Source: "s", Message: "m",
					ReceivedAt: time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC),
				}, time.Now())
				require.NoError(t, err)
				_, err = s.Append(ctx, []*alerting.Draft{draft})
				require.NoError(t, err)
				_, err = s.Retain(ctx)
				return err
			}))
		}
		require.Len(t, everything(t, openReader(t, config), 2), 2)
	})
}

func TestAJobThatFailsSaysWhyAndLetsGoOfTheDatabase(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, config store.Config) {
		failed := errors.New("failed")
		require.ErrorIs(t, store.Use(t.Context(), config, func(context.Context, *store.Store) error { return failed }), failed)
		require.NoError(t, store.Use(t.Context(), config, func(context.Context, *store.Store) error { return nil }))
	})
}

func TestAJobWaitsForNobodyWhoHasTheSQLiteFile(t *testing.T) {
	config := sqliteConfig(t)
	startStore(t, config)
	err := store.Use(t.Context(), config, func(context.Context, *store.Store) error { return nil })
	require.ErrorIs(t, err, store.ErrInUse)
}
