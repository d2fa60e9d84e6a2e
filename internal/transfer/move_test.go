package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/store"
	"alertd/internal/transfer"
)

// patience bounds the wait for what must happen.
const patience = 30 * time.Second

// mixed returns the JSON of varied alerts.
func mixed(n int) []string {
	alerts := make([]string, n)
	for i := range alerts {
		alerts[i] = fmt.Sprintf(`{"severity":%q,"category":%q,"source":"gate %d","message":"limit %d\nbreached \"é\"","context":%s}`,
			alerting.Severities()[i%5], alerting.Categories()[i%8], i%3, i,
			[]string{`{}`, `{"limit": 0.030, "x":1e+05}`, "{\n\t\"big\": 12345678901234567890.10\n}"}[i%3])
	}
	return alerts
}

func TestSQLiteMovesToPostgreSQLByteForByte(t *testing.T) {
	source, target := sqliteConfig(t), postgresConfig(t)
	require.NoError(t, store.Use(t.Context(), source, func(ctx context.Context, s *store.Store) error {
		_, err := s.Append(ctx, draftsOf(t, mixed(2200)...))
		return err
	}))
	moved := exportOf(t, source)
	require.Equal(t, 2200, strings.Count(moved, "\n"))
	require.Equal(t, transfer.Imported{Events: 2200, Lines: 2200}, importInto(t, target, moved))
	require.Equal(t, moved, exportOf(t, target))

	back := sqliteConfig(t)
	importInto(t, back, exportOf(t, target))
	require.Equal(t, moved, exportOf(t, back))
}

func TestImportBesideEventsChangesOnlyNumbers(t *testing.T) {
	source, target := sqliteConfig(t), postgresConfig(t)
	importInto(t, source, numbered(1, 100))
	importInto(t, target, numbered(1000, 10))
	moved := exportOf(t, source)
	importInto(t, target, moved)
	for i := range 100 {
		moved = strings.Replace(moved, `,"seq":`+strconv.Itoa(i+1)+`,`, `,"seq": `+strconv.Itoa(i+11)+`,`, 1)
	}
	moved = strings.ReplaceAll(moved, `,"seq": `, `,"seq":`)
	require.Equal(t, moved, strings.Join(strings.SplitAfter(exportOf(t, target), "\n")[10:], ""))
}

func TestImportIsSeenLiveByReplicas(t *testing.T) {
	config := postgresConfig(t)
	opened, err := store.Open(t.Context(), config)
	require.NoError(t, err)
	defer func() { require.NoError(t, opened.Close()) }()
	manager, err := alerting.OpenManager(t.Context(), alerting.Config{MinSeverity: alerting.SeverityCritical, BufferSize: 5000}, nil, opened)
	require.NoError(t, err)
	live := manager.Subscribe(alerting.Filter{})
	defer live.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- opened.Run(ctx) }()
	defer func() { cancel(); require.NoError(t, <-ended) }()

	require.EqualValues(t, 1500, importInto(t, config, numbered(1, 1500)).Events, "whatever min_severity is")
	for want := alerting.Seq(1); want <= 1500; {
		select {
		case <-live.Ready():
			events, open := live.Take()
			require.True(t, open, "the stream ended before event %d", want)
			for _, event := range events {
				require.Equal(t, want, event.Seq())
				want++
			}
		case <-time.After(patience):
			require.Fail(t, "not seen", "event %d", want)
		}
	}
	require.Equal(t, 1500, manager.Count())
}

// heapWatch samples how many bytes are in use after a collection.
type heapWatch struct{ sizes []int64 }

func (w *heapWatch) look() {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	w.sizes = append(w.sizes, int64(stats.HeapAlloc))
}

// requireFlat checks that the second half needed no more memory than the first.
func (w *heapWatch) requireFlat(tb testing.TB) {
	tb.Helper()
	require.GreaterOrEqual(tb, len(w.sizes), 8)
	half := len(w.sizes) / 2
	first, second := slices.Max(w.sizes[:half]), slices.Max(w.sizes[half:])
	tb.Logf("%d MiB, then %d MiB", first>>20, second>>20)
	require.Less(tb, second, first+5<<20)
	require.Less(tb, second, int64(96<<20))
}

// manyLines reads as numbered lines, and samples the heap after each tenth of them.
type manyLines struct {
	next, last int
	pending    bytes.Buffer
	watch      *heapWatch
}

func (m *manyLines) Read(p []byte) (int, error) {
	if m.pending.Len() == 0 {
		if m.next > m.last {
			return 0, io.EOF
		}
		m.pending.WriteString(numbered(m.next, 1000))
		m.next += 1000
		if (m.next-1)%(m.last/10) == 0 {
			m.watch.look()
		}
	}
	return m.pending.Read(p)
}

// lineCounter discards its input and samples the heap.
type lineCounter struct {
	lines, every int
	watch        *heapWatch
}

func (c *lineCounter) Write(p []byte) (int, error) {
	before := c.lines / c.every
	if c.lines += bytes.Count(p, []byte("\n")); c.lines/c.every > before {
		c.watch.look()
	}
	return len(p), nil
}

// manyEvents is twice as many as the store keeps in memory for its index.
const manyEvents = 80_000

func TestMemoryIsIndependentOfLogSize(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, config store.Config) {
		imported, exported := &heapWatch{}, &heapWatch{}
		require.NoError(t, store.Use(t.Context(), config, func(ctx context.Context, s *store.Store) error {
			_, err := transfer.Import(ctx, s, &manyLines{next: 1, last: manyEvents, watch: imported}, transfer.ImportOptions{MaxLine: maxLine})
			return err
		}))
		imported.requireFlat(t)

		reader, err := store.OpenReadOnly(t.Context(), config)
		require.NoError(t, err)
		counter := &lineCounter{every: manyEvents / 10, watch: exported}
		_, err = transfer.Export(t.Context(), reader, alerting.Filter{}, transfer.NDJSON, counter)
		require.NoError(t, errors.Join(err, reader.Close()))
		require.Equal(t, manyEvents, counter.lines)
		exported.requireFlat(t)
	})
}
