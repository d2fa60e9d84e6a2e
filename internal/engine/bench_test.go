package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/engine"
	"alertd/internal/store"
	"alertd/internal/store/work"
)

// taker is a channel that takes everything at once.
type taker struct{}

func (taker) Send(context.Context, channel.Notification) channel.Result {
	return channel.Result{Outcome: channel.Delivered}
}
func (taker) Close() error { return nil }

// BenchmarkFold takes alerts in batches and waits until all of them are folded into
// incidents, with alerting on, and with alerting off as the yardstick.
func BenchmarkFold(b *testing.B) {
	for _, c := range []struct {
		name    string
		batch   int
		prints  int
		enabled bool
	}{
		{"1000 events of 100 incidents", 1000, 100, true},
		{"1000 events, alerting off", 1000, 100, false},
		{"1 event of 100 incidents", 1, 100, true},
		{"1 event, alerting off", 1, 100, false},
		{"1 event, each an incident", 1, 1 << 40, true},
		{"100 events, each an incident", 100, 1 << 40, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			log := slog.New(slog.DiscardHandler)
			s, err := store.Open(b.Context(), store.Config{Driver: store.SQLite, Path: filepath.Join(b.TempDir(), "alertd.db"), Logger: log})
			require.NoError(b, err)
			tasks := work.New(s)
			r := newReceiver("desk").channel()
			r.Open = func() (channel.Channel, error) { return taker{}, nil }
			e, err := engine.New(engine.Config{
				Store: s, Work: tasks, Meter: &meter{finished: map[string]int{}}, Logger: log,
				Raise: func(context.Context, alerting.Alert) error { return nil },
			}, engine.Settings{Enabled: true, RepeatInterval: time.Hour, Channels: []engine.Channel{r}})
			require.NoError(b, err)
			config := alerting.DefaultConfig()
			config.Enabled = c.enabled
			m, err := alerting.OpenManager(b.Context(), config, e, s)
			require.NoError(b, err)
			ctx, end := context.WithCancel(context.WithoutCancel(b.Context()))
			ended := make(chan error, 2)
			go func() { ended <- s.Run(ctx) }()
			go func() { ended <- e.Run(ctx) }()
			n := 0
			b.ResetTimer()
			for range b.N {
				alerts := make([]alerting.Alert, c.batch)
				for i := range alerts {
					alerts[i] = alerting.Alert{
						Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: fmt.Sprintf("gate_%d", n%c.prints),
						Message: fmt.Sprintf("VaR limit breached: %d.%d > 0.03", n, i),
					}
					n++
				}
				_, err := m.RegisterBatch(b.Context(), alerts)
				require.NoError(b, err)
			}
			for c.enabled {
				cursor, err := tasks.Cursor(b.Context())
				require.NoError(b, err)
				if cursor == alerting.Seq(n) {
					break
				}
			}
			b.StopTimer()
			b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(n), "µs/event")
			end()
			require.NoError(b, <-ended)
			require.NoError(b, <-ended)
			require.NoError(b, e.Close())
			require.NoError(b, s.Close())
		})
	}
}
