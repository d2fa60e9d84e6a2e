package failuretest_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/pgtest"
	"alertd/internal/store"
)

// A stream that resumes, and on PostgreSQL the follower, may read an event from
// the log before the writer comes to publish it.
func TestEventReadEarlyStillCountsAsRegisteredHere(t *testing.T) {
	t.Parallel()
	for _, engine := range []struct {
		name   string
		config func(testing.TB) store.Config
	}{
		{"SQLite", func(tb testing.TB) store.Config { tb.Helper(); return sqlite(filepath.Join(tb.TempDir(), "alertd.db")) }},
		{"PostgreSQL", func(tb testing.TB) store.Config { tb.Helper(); return postgres(pgtest.DSN(tb)) }},
	} {
		t.Run(engine.name, func(t *testing.T) {
			s := start(t, engine.config(t))
			stream := follow(t, s)
			ctx, cancel := context.WithCancel(t.Context())
			var readers sync.WaitGroup
			for range 2 {
				readers.Go(func() {
					for ctx.Err() == nil {
						if err := s.store.CatchUp(context.WithoutCancel(ctx)); err != nil {
							t.Errorf("catch up: %s", err)
							return
						}
					}
				})
			}
			clients := run(t, s)
			clients.waitMore(t, 200)
			clients.stop()
			cancel()
			readers.Wait()
			require.Equal(t, uint64(clients.count.Load()), s.manager.Stats().SinceStart.Registered)
			stream.mu.Lock()
			defer stream.mu.Unlock()
			for i, event := range stream.seen {
				require.Equal(t, alerting.Seq(i+1), event.Seq(), "each is published once, in order")
			}
		})
	}
}
