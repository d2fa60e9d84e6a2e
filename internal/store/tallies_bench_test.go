package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
)

// BenchmarkTally is what a histogram of a day in 60 buckets takes, and how long it takes to
// count all events after an upgrade. docs/performance.md has the numbers:
//
//	go test ./internal/store -run '^$' -bench Tally
func BenchmarkTally(b *testing.B) {
	start := time.Date(2026, 2, 27, 0, 0, 0, 0, time.UTC)
	const span = 25 * time.Hour // half an hour a bucket
	for _, events := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("%d events", events), func(b *testing.B) {
			log := storetest.SQLite(b).Start(b)
			for n := 0; n < events; n += 1000 {
				alerts := make([]alerting.Alert, 1000)
				for i := range alerts {
					alerts[i] = storetest.Alert("VaR limit breached: 0.0500 > 0.0300")
					alerts[i].Severity = alerting.Severities()[i%5]
					alerts[i].Timestamp = start.Add(time.Duration(n+i) * (span / time.Duration(events)))
				}
				log.Add(b, alerts...)
				log.Sink.Forget()
			}
			last := alerting.Seq(events)
			began := time.Now()
			for more := true; more; {
				require.NoError(b, log.Transact(b.Context(), true, func(ctx context.Context, tx store.Transaction, _ time.Time) (err error) {
					more, err = log.TallyPart(ctx, tx, store.Unfolded{After: last, Through: last})
					return err
				}))
			}
			counted := time.Since(began)
			for b.Loop() {
				h := alerting.NewHistogram(start, start.Add(span), 60)
				require.Len(b, h.Buckets, 50)
				require.NoError(b, log.Tally(b.Context(), h))
				require.EqualValues(b, events/len(h.Buckets)/5, h.Buckets[7].Events[alerting.SeverityInfo])
			}
			b.ReportMetric(counted.Seconds(), "s-to-count-all")
		})
	}
}
