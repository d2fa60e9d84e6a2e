package alerting_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

const alertJSON = `{"severity":"error","category":"risk_limit","source":"var_gate","message":"VaR limit breached: 0.0500 > 0.0300","context":{"position":"BTC-EUR","current_var":0.05,"limit":0.03,"breach_pct":66.7}}`

func BenchmarkRegister(b *testing.B) {
	alert, err := alerting.DecodeAlert([]byte(alertJSON))
	require.NoError(b, err)
	for _, size := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("buffer=%d", size), func(b *testing.B) {
			manager := newManager(b, alerting.Config{MinSeverity: alerting.SeverityDebug, BufferSize: size})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := manager.Register(context.Background(), alert); err != nil { //nolint:usetesting // a benchmark's own context costs a lock
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	data := []byte(alertJSON)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := alerting.DecodeAlert(data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncode is what writing an event costs after it was registered.
func BenchmarkEncode(b *testing.B) {
	event := register(b, newManager(b, everything(1)), varBreach())
	buffer := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buffer = append(buffer[:0], event.JSON()...)
	}
}

// filled returns a manager with n events: 10,000 sources in turn, and one event
// in 5,000 critical.
func filled(b *testing.B, n int) *alerting.Manager {
	b.Helper()
	manager := newManager(b, alerting.Config{MinSeverity: alerting.SeverityDebug, BufferSize: n})
	start := time.Date(2025, 12, 27, 0, 0, 0, 0, time.UTC)
	for i := range n {
		alert := varBreach()
		alert.Source = fmt.Sprintf("source-%d", i%10_000)
		alert.Timestamp = start.Add(time.Duration(i) * time.Millisecond)
		alert.Category = alerting.Categories()[i%8]
		alert.Severity = alerting.SeverityWarning
		if i%5_000 == 17 {
			alert.Severity = alerting.SeverityCritical
			alert.Message = "Kill switch activated"
		}
		register(b, manager, alert)
	}
	return manager
}

func BenchmarkRecentEvents(b *testing.B) {
	for _, size := range []int{1_000, 100_000, 1_000_000} {
		manager := filled(b, size)
		newest := manager.RecentEvents(alerting.Query{Limit: 1}).Events[0].Timestamp()
		filters := []struct {
			name   string
			filter alerting.Filter
		}{
			{"none", alerting.Filter{}},
			{"category=1/8", alerting.Filter{Categories: []alerting.Category{alerting.CategoryRiskLimit}}},
			{"severity=1/5000", alerting.Filter{MinSeverity: alerting.SeverityCritical}},
			{"source=1/10000", alerting.Filter{Sources: []string{"source-42"}}},
			{"sources=3/10000", alerting.Filter{Sources: []string{"source-42", "source-4711", "source-9999"}}},
			{"source=absent", alerting.Filter{Sources: []string{"nobody"}}},
			{"since=recent", alerting.Filter{Since: newest.Add(-50 * time.Millisecond)}},
			{"until=oldest", alerting.Filter{Until: newest.Add(-time.Duration(size-50) * time.Millisecond)}},
			{"text=common", alerting.Filter{Text: "limit"}},
			{"text=1/5000", alerting.Filter{Text: "kill switch"}},
			{"all", alerting.Filter{
				MinSeverity: alerting.SeverityWarning, Categories: []alerting.Category{alerting.CategoryDataQuality},
				Sources: []string{"source-3"}, Since: newest.Add(-time.Hour), Text: "var",
			}},
		}
		for _, f := range filters {
			b.Run(fmt.Sprintf("buffer=%d/%s", size, f.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					manager.RecentEvents(alerting.Query{Filter: f.filter, Limit: 100})
				}
			})
		}
	}
}

func BenchmarkStats(b *testing.B) {
	for _, size := range []int{1_000, 1_000_000} {
		manager := filled(b, size)
		b.Run(fmt.Sprintf("stats/buffer=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				manager.Stats()
			}
		})
		b.Run(fmt.Sprintf("totals/buffer=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				manager.Totals()
			}
		})
	}
}

// BenchmarkPublishDuringReplay is what a batch of one costs while four streams replay
// 1,000,000 events, again and again.
func BenchmarkPublishDuringReplay(b *testing.B) {
	const events = 1_000_000
	manager := newManager(b, alerting.Config{MinSeverity: alerting.SeverityDebug, BufferSize: events, BufferBytes: alerting.MaxBufferBytes})
	batch := make([]alerting.Alert, 10_000)
	for i := range batch {
		batch[i] = varBreach()
	}
	for range events / len(batch) {
		_, err := manager.RegisterBatch(b.Context(), batch)
		require.NoError(b, err)
	}
	for _, streams := range []int{0, 4} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			var replaying sync.WaitGroup
			for range streams {
				replaying.Go(func() {
					for ctx.Err() == nil {
						s, err := manager.Follow(ctx, alerting.Filter{Text: "nowhere"}, alerting.Resume{Active: true}, func(alerting.Replay) error { return ctx.Err() })
						if err == nil {
							s.Close()
						}
					}
				})
			}
			var longest time.Duration
			for b.Loop() {
				began := time.Now()
				register(b, manager, varBreach())
				longest = max(longest, time.Since(began))
			}
			cancel()
			replaying.Wait()
			b.ReportMetric(float64(longest.Microseconds()), "longest-µs")
		})
	}
}

// BenchmarkFeed is what registering costs while streams watch for something else.
func BenchmarkFeed(b *testing.B) {
	for _, streams := range []int{0, 1000} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			manager := newManager(b, everything(1000))
			for range streams {
				b.Cleanup(manager.Subscribe(alerting.Filter{MinSeverity: alerting.SeverityCritical, Sources: []string{"nobody"}}).Close)
			}
			for b.Loop() {
				register(b, manager, varBreach())
			}
		})
	}
}
