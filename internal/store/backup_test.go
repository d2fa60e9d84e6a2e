package store_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/store"
)

// ingest appends to a store, one event a time from each of several goroutines,
// until stop.
type ingest struct {
	registered atomic.Int64
	stop       func()
}

func startIngest(tb testing.TB, r *running) *ingest {
	tb.Helper()
	in := &ingest{}
	ctx, cancel := context.WithCancel(tb.Context())
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for ctx.Err() == nil {
				if err := r.tryRegister(context.WithoutCancel(ctx), 1); err != nil {
					tb.Error(err)
					return
				}
				in.registered.Add(1)
			}
		})
	}
	in.stop = func() { cancel(); writers.Wait() }
	tb.Cleanup(in.stop)
	return in
}

// endsWhen is a context that ends once a condition holds, and somebody asks.
type endsWhen struct {
	context.Context //nolint:containedctx // it is one
	over            func() bool
}

func (c *endsWhen) Err() error {
	if c.over() {
		return context.Canceled
	}
	return c.Context.Err()
}

func filesIn(tb testing.TB, folder string) []string {
	tb.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(tb, err)
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// damaged returns a copy of a file without a page in the middle.
func damaged(tb testing.TB, path string) string {
	tb.Helper()
	content, err := os.ReadFile(path)
	require.NoError(tb, err)
	const page = 4096
	middle := len(content) / 2 / page * page
	clear(content[middle : middle+page])
	target := filepath.Join(tb.TempDir(), "damaged.db")
	require.NoError(tb, os.WriteFile(target, content, 0o600))
	return target
}

func TestABackupUnderIngestIsComplete(t *testing.T) {
	config := sqliteConfig(t)
	source := startStore(t, config)
	source.register(3000)
	in := startIngest(t, source)
	for i := range 5 {
		before, err := source.Extent(t.Context())
		require.NoError(t, err)
		target := filepath.Join(t.TempDir(), strconv.Itoa(i)+".db")
		copied, err := store.Backup(t.Context(), config, target)
		require.NoError(t, err)
		require.GreaterOrEqual(t, copied.Extent.Last, before.Last, "what was registered before is in it")

		require.Equal(t, []string{filepath.Base(target)}, filesIn(t, filepath.Dir(target)), "it is one file")
		info, err := os.Stat(target)
		require.NoError(t, err)
		require.Equal(t, copied.Bytes, info.Size())
		require.Equal(t, fs.FileMode(0o600), info.Mode())

		config := config
		config.Path = target
		restored := startStore(t, config)
		extent, err := restored.Extent(t.Context())
		require.NoError(t, err)
		require.Equal(t, copied.Extent, extent)
		want := everything(t, source, extent.Last)
		require.Len(t, want, int(extent.Last))
		require.Equal(t, want, everything(t, restored, extent.Last))

		restored.register(1) // it goes on from there
		next, err := restored.Extent(t.Context())
		require.NoError(t, err)
		require.Equal(t, extent.Last+1, next.Last)
	}
	in.stop()
	extent, err := source.Extent(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3000+in.registered.Load(), extent.Last, "ingest lost nothing")
}

func TestABackupNeedsNoRunningAlertd(t *testing.T) {
	config := sqliteConfig(t)
	source := startStore(t, config)
	source.register(10)
	source.stop()
	before, err := os.ReadFile(config.Path)
	require.NoError(t, err)
	target := filepath.Join(t.TempDir(), "copy.db")
	copied, err := store.Backup(t.Context(), config, target)
	require.NoError(t, err)
	require.EqualValues(t, 10, copied.Extent.Last)
	after, err := os.ReadFile(config.Path)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestABackupThatFailsLeavesNothing(t *testing.T) {
	config := sqliteConfig(t)
	source := startStore(t, config)
	for range 10 {
		source.register(2000) // more than SQLite keeps in memory before it writes
	}
	source.stop()
	t.Run("as it is told to stop half way", func(t *testing.T) {
		folder := t.TempDir()
		halfWay := func() bool { // asked by others too, also afterwards
			entries, err := os.ReadDir(folder)
			if err != nil || len(entries) == 0 {
				return false
			}
			info, err := entries[0].Info()
			return err == nil && info.Size() > 0
		}
		_, err := store.Backup(&endsWhen{Context: t.Context(), over: halfWay}, config, filepath.Join(folder, "copy.db"))
		require.ErrorIs(t, err, context.Canceled)
		require.Empty(t, filesIn(t, folder))
	})
	t.Run("as the name is taken", func(t *testing.T) {
		folder := t.TempDir()
		target := filepath.Join(folder, "copy.db")
		require.NoError(t, os.WriteFile(target, []byte("another"), 0o600))
		_, err := store.Backup(t.Context(), config, target)
		require.ErrorIs(t, err, fs.ErrExist)
		require.Equal(t, []string{"copy.db"}, filesIn(t, folder))
	})
	t.Run("as the database is damaged", func(t *testing.T) {
		folder := t.TempDir()
		config := config
		config.Path = damaged(t, config.Path)
		_, err := store.Backup(t.Context(), config, filepath.Join(folder, "copy.db"))
		require.ErrorContains(t, err, "check the copy: ")
		require.Empty(t, filesIn(t, folder))
	})
	t.Run("as an event is missing in the middle", func(t *testing.T) {
		folder := t.TempDir()
		config := sqliteConfig(t)
		source := startStore(t, config)
		source.register(10)
		source.stop()
		_, err := connect(t, config).ExecContext(t.Context(), `DELETE FROM events WHERE seq = 5`)
		require.NoError(t, err)
		_, err = store.Backup(t.Context(), config, filepath.Join(folder, "copy.db"))
		require.EqualError(t, err, "check the copy: it has 9 of 10 events")
		require.Empty(t, filesIn(t, folder))
	})
	t.Run("as there is no database", func(t *testing.T) {
		folder := t.TempDir()
		config := config
		config.Path = filepath.Join(folder, "none.db")
		_, err := store.Backup(t.Context(), config, filepath.Join(folder, "copy.db"))
		require.ErrorIs(t, err, store.ErrNoDatabase)
		require.Empty(t, filesIn(t, folder))
	})
	t.Run("as it is PostgreSQL", func(t *testing.T) {
		_, err := store.Backup(t.Context(), store.Config{Driver: store.Postgres}, filepath.Join(t.TempDir(), "copy.db"))
		require.ErrorIs(t, err, store.ErrNotSQLite)
	})
}

func TestABackupIsMadeOfAnEarlierSchemaToo(t *testing.T) {
	config := sqliteConfig(t)
	source := startStore(t, config)
	source.register(10)
	setSchemaVersion(t, config, 1)
	_, err := store.Backup(t.Context(), config, filepath.Join(t.TempDir(), "copy.db"))
	require.NoError(t, err)
}

// BenchmarkBackup copies a database of 100,000 events while others are being
// registered, and shows how many are; beside it what was not chosen.
func BenchmarkBackup(b *testing.B) {
	b.Run("backup API", func(b *testing.B) {
		benchmarkBackup(b, func(config store.Config, target string) {
			_, err := store.Backup(b.Context(), config, target)
			require.NoError(b, err)
		})
	})
	b.Run("VACUUM INTO", func(b *testing.B) {
		benchmarkBackup(b, func(config store.Config, target string) {
			var verdict string
			_, err := connect(b, config).ExecContext(b.Context(), `VACUUM INTO ?`, target)
			require.NoError(b, err)
			config.Path = target
			require.NoError(b, connect(b, config).QueryRowContext(b.Context(), `PRAGMA integrity_check`).Scan(&verdict))
			require.Equal(b, "ok", verdict)
		})
	})
}

func benchmarkBackup(b *testing.B, backup func(config store.Config, target string)) {
	b.Helper()
	config := sqliteConfig(b)
	source := startStore(b, config)
	for range 50 {
		source.register(2000)
	}
	in := startIngest(b, source)
	before := in.registered.Load()
	for b.Loop() {
		backup(config, filepath.Join(b.TempDir(), "copy.db"))
	}
	b.ReportMetric(float64(in.registered.Load()-before)/b.Elapsed().Seconds(), "events/s")
	in.stop()
}
