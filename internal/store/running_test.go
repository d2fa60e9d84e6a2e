package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/pgtest"
	"alertd/internal/store"
)

// sqliteConfig and postgresConfig name a database of the test's own.
func sqliteConfig(tb testing.TB) store.Config {
	tb.Helper()
	return store.Config{Driver: store.SQLite, Path: filepath.Join(tb.TempDir(), "alertd.db"), Logger: slog.New(slog.DiscardHandler)}
}

func postgresConfig(tb testing.TB) store.Config {
	tb.Helper()
	return store.Config{Driver: store.Postgres, DSN: pgtest.DSN(tb), Logger: slog.New(slog.DiscardHandler)}
}

func onEachDatabase(t *testing.T, test func(t *testing.T, config store.Config)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, sqliteConfig(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, postgresConfig(t)) })
}

// running is a store at work, as it is within alertd.
type running struct {
	*store.Store
	tb   testing.TB
	end  context.CancelFunc
	done chan error
	once sync.Once
}

// blind is a sink that looks at nothing.
type blind struct{}

func (blind) Publish([]*alerting.Event, alerting.Origin) {}

// startStore opens a store and runs it until stop, or the test's end.
func startStore(tb testing.TB, config store.Config) *running {
	tb.Helper()
	opened, err := store.Open(tb.Context(), config)
	require.NoError(tb, err)
	require.NoError(tb, opened.Attach(tb.Context(), blind{}, 0))
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	r := &running{Store: opened, tb: tb, end: cancel, done: make(chan error, 1)}
	go func() { r.done <- opened.Run(ctx) }()
	tb.Cleanup(r.stop)
	return r
}

func (r *running) stop() {
	r.once.Do(func() {
		r.end()
		require.NoError(r.tb, <-r.done)
		require.NoError(r.tb, r.Close())
	})
}

// register appends n events in one transaction.
func (r *running) register(n int) {
	r.tb.Helper()
	require.NoError(r.tb, r.tryRegister(r.tb.Context(), n))
}

func (r *running) tryRegister(ctx context.Context, n int) error {
	drafts := make([]*alerting.Draft, n)
	for i := range drafts {
		draft, err := alerting.NewDraft(alerting.Alert{
			Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: "var_gate",
			Message: fmt.Sprintf("VaR limit of book %d breached: 0.05 > 0.03", i),
		}, time.Now())
		if err != nil {
			return err
		}
		drafts[i] = draft
	}
	_, err := r.Append(ctx, drafts)
	return err
}

// after is what reads a log.
type after interface {
	After(ctx context.Context, after alerting.Seq, filter alerting.Filter) (alerting.Stretch, error)
}

// everything returns the JSON of all events up to a number, in their order.
func everything(tb testing.TB, log after, through alerting.Seq) []string {
	tb.Helper()
	all := []string{}
	for last := alerting.Seq(0); last < through; {
		stretch, err := log.After(tb.Context(), last, alerting.Filter{})
		require.NoError(tb, err)
		require.GreaterOrEqual(tb, stretch.Through, stretch.From, "the log ends before %d", through)
		for _, event := range stretch.Events {
			if event.Seq() <= through {
				all = append(all, event.JSON())
			}
		}
		last = stretch.Through
	}
	return all
}

// patience bounds what must happen, but not when; beat is how often there is a
// look.
const (
	patience = 30 * time.Second
	beat     = 5 * time.Millisecond
)
