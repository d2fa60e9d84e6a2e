package store_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/store"
)

// BenchmarkSize shows what an event takes: of JSON, on disk, in the buffer, and
// what a million of them take in memory for the index. docs/operations.md has the
// numbers. It stores 20 segments of the index and needs no second round:
//
//	go test -run '^$' -bench Size -benchtime 1x ./internal/store
func BenchmarkSize(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { benchmarkSize(b, sqliteConfig(b)) })
	b.Run("PostgreSQL", func(b *testing.B) { benchmarkSize(b, postgresConfig(b)) })
}

func benchmarkSize(b *testing.B, config store.Config) {
	b.Helper()
	const events = 20 * 8192
	for b.Loop() {
		source := startStore(b, config)
		empty := diskBytes(b, config)
		for n := 0; n < events; n += 1024 {
			_, err := source.Append(b.Context(), typicalDrafts(b, n, 1024))
			require.NoError(b, err)
		}
		require.Eventually(b, func() bool { return source.Counts().Unindexed == 0 }, 10*patience, beat)
		source.stop()
		b.ReportMetric(float64(diskBytes(b, config)-empty)/events, "disk-B/event")
	}
	before := heapBytes()
	reader := openReader(b, config)
	b.ReportMetric(float64(heapBytes()-before)/events*1e6/(1<<20), "index-MiB/million")

	before = heapBytes()
	buffer, json := alerting.NewBuffer(events), 0
	for last := alerting.Seq(0); last < events; {
		stretch, err := reader.After(b.Context(), last, alerting.Filter{})
		require.NoError(b, err)
		buffer.Append(stretch.Events...)
		for _, event := range stretch.Events {
			json += len(event.JSON())
		}
		last = stretch.Through
	}
	b.ReportMetric(float64(heapBytes()-before)/events, "buffer-B/event")
	b.ReportMetric(float64(json)/events, "JSON-B/event")
	require.Equal(b, events, buffer.Len())
}

// typicalDrafts are alerts of a trading system: of 40 sources, with numbers of
// many digits and a small context.
func typicalDrafts(tb testing.TB, from, n int) []*alerting.Draft {
	tb.Helper()
	drafts := make([]*alerting.Draft, n)
	for i := range drafts {
		number := from + i
		details, err := alerting.ParseContext(fmt.Appendf(nil, `{"position":"BTC-EUR","current_var":0.%04d,"limit":0.03}`, number*7%10_000))
		require.NoError(tb, err)
		drafts[i], err = alerting.NewDraft(alerting.Alert{
			Severity: alerting.Severities()[number%5], Category: alerting.Categories()[number%8], Source: fmt.Sprintf("gate-%d", number%40),
			Message: fmt.Sprintf("VaR limit breached: 0.%04d > 0.03 for desk %d", number*7%10_000, number%50), Context: details,
		}, time.Now())
		require.NoError(tb, err)
	}
	return drafts
}

// diskBytes returns what a database takes that nobody writes to.
func diskBytes(tb testing.TB, config store.Config) int64 {
	tb.Helper()
	query := `SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`
	if config.Driver == store.SQLite {
		query = `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`
	}
	var bytes int64
	require.NoError(tb, connect(tb, config).QueryRowContext(tb.Context(), query).Scan(&bytes))
	return bytes
}

// heapBytes returns the bytes of the heap in use after a collection.
func heapBytes() int64 {
	runtime.GC()
	runtime.GC() // what a finalizer has let go of
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
