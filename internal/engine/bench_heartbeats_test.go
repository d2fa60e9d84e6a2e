package engine_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"alertd/internal/alerting"
	"alertd/internal/engine"
	"alertd/internal/heartbeat"
	"alertd/internal/routing/routingtest"
	"alertd/internal/store"
	"alertd/internal/store/work"
)

// BenchmarkHeartbeat takes batches of 100 alerts until they are folded, while 16 components
// ping, each ping in a turn of the engine: not at all, 100 times a second, and as often as
// they can. The last has pings alone.
func BenchmarkHeartbeat(b *testing.B) {
	for _, c := range []struct {
		name  string
		batch int
		pings rate.Limit // a second
	}{
		{"alerts", 100, 0},
		{"alerts beside 100 pings a second", 100, 100},
		{"alerts beside as many pings as go", 100, rate.Inf},
		{"pings", 0, rate.Inf},
	} {
		b.Run(c.name, func(b *testing.B) {
			log := slog.New(slog.DiscardHandler)
			s, err := store.Open(b.Context(), store.Config{Driver: store.SQLite, Path: filepath.Join(b.TempDir(), "alertd.db"), Logger: log})
			require.NoError(b, err)
			tasks := work.New(s)
			e, err := engine.New(engine.Config{
				Store: s, Work: tasks, Meter: &meter{finished: map[string]int{}}, Logger: log,
				Raise: func(context.Context, alerting.Alert) error { return nil },
			}, engine.Settings{Enabled: true, RepeatInterval: time.Hour, Heartbeats: []heartbeat.Spec{{Name: "oms", Every: time.Minute, Grace: time.Minute}}})
			require.NoError(b, err)
			config := alerting.DefaultConfig()
			config.Enabled = true
			m, err := alerting.OpenManager(b.Context(), config, e, s)
			require.NoError(b, err)
			ctx, end := context.WithCancel(context.WithoutCancel(b.Context()))
			var parts sync.WaitGroup
			parts.Go(func() { _ = s.Run(ctx) })
			parts.Go(func() { _ = e.Run(ctx) })
			var pings atomic.Int64
			limit := rate.NewLimiter(c.pings, 1)
			for range 16 {
				parts.Go(func() {
					for c.pings > 0 && limit.Wait(ctx) == nil {
						if _, err := e.Heartbeat(ctx, "oms", heartbeat.Ping{}); err == nil {
							pings.Add(1)
						}
					}
				})
			}
			b.ResetTimer()
			before := pings.Load()
			for n := range b.N {
				if c.batch == 0 {
					enough := pings.Load() + 100
					require.Eventually(b, func() bool { return pings.Load() >= enough }, time.Minute, time.Millisecond)
					continue
				}
				alerts := make([]alerting.Alert, c.batch)
				for i := range alerts {
					alerts[i] = routingtest.Alert(n*c.batch+i, benchIncidents)
				}
				results, err := m.RegisterBatch(b.Context(), alerts)
				require.NoError(b, err)
				require.Eventually(b, func() bool {
					cursor, err := tasks.Cursor(b.Context())
					return err == nil && cursor >= results[len(results)-1].Event.Seq()
				}, time.Minute, time.Millisecond)
			}
			b.StopTimer()
			b.ReportMetric(float64(pings.Load()-before)/b.Elapsed().Seconds(), "pings/s")
			b.ReportMetric(float64(b.N*c.batch)/b.Elapsed().Seconds(), "alerts/s")
			end()
			parts.Wait()
			require.NoError(b, e.Close())
			require.NoError(b, s.Close())
		})
	}
}
