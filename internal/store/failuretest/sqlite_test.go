package failuretest_test

import (
	"context"
	"database/sql"
	"math"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/store"
)

func sqlite(path string) store.Config {
	return store.Config{Driver: store.SQLite, Path: path, Timeout: 3 * time.Second}
}

// openFile opens a connection of the test's own to a database file.
func openFile(tb testing.TB, path string) *sql.Conn {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	require.NoError(tb, err)
	connection, err := db.Conn(tb.Context())
	require.NoError(tb, err)
	tb.Cleanup(func() {
		require.NoError(tb, connection.Close())
		require.NoError(tb, db.Close())
	})
	return connection
}

// readSQLite returns what the database file holds.
func readSQLite(tb testing.TB, path string) []logged {
	tb.Helper()
	rows, err := openFile(tb, path).QueryContext(tb.Context(), `SELECT seq, event_id, json FROM events ORDER BY seq`)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, rows.Close()) }()
	var log []logged
	for rows.Next() {
		var event logged
		var id []byte
		require.NoError(tb, rows.Scan(&event.seq, &id, &event.json))
		event.id = alerting.EventID(id)
		log = append(log, event)
	}
	require.NoError(tb, rows.Err())
	return log
}

func TestFullDiskLosesNothing(t *testing.T) {
	t.Parallel()
	if !inMountNamespace(t) {
		return
	}
	disk := t.TempDir()
	smallDisk(t, disk, "16m")
	path := filepath.Join(disk, "alertd.db")
	s := start(t, sqlite(path))
	stream, clients := follow(t, s), run(t, s)
	clients.waitMore(t, 50)
	for range 3 {
		free := fill(t, disk)
		s.waitNotReady(t, "the disk is full")
		clients.waitRefused(t)
		require.Equal(t, uint64(0), s.store.Counts().Unsettled)
		_, err := s.store.After(t.Context(), 0, alerting.Filter{})
		require.NoError(t, err, "what there is can be read")
		free()
		freed := time.Now()
		clients.waitMore(t, 50)
		s.waitReady(t)
		require.Less(t, time.Since(freed), 3*time.Second, "ingest goes on by itself soon")
	}
	clients.stop()
	log := readSQLite(t, path)
	clients.account.check(t, log)
	stream.check(t, log)
	checkCounted(t, log, s)
	s.stop()
	require.Equal(t, log, readSQLite(t, path), "nothing is lost with the write-ahead log")
	start(t, sqlite(path)).mustRegister(t, 1)
}

// A file that may not grow fails in write(2), as a broken disk does.
func TestFailingDiskLosesNothing(t *testing.T) {
	t.Parallel()
	if !inChild(t, nil) {
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	limit := func(size uint64) {
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: math.MaxUint64}))
	}
	path := filepath.Join(t.TempDir(), "alertd.db")
	s := start(t, sqlite(path))
	stream, clients := follow(t, s), run(t, s)
	for range 3 {
		clients.waitMore(t, 50)
		limit(16 << 10)
		s.waitNotReady(t, "the disk reports an error")
		clients.waitRefused(t)
		limit(math.MaxUint64)
		clients.waitMore(t, 50)
		s.waitReady(t)
	}
	clients.stop()
	log := readSQLite(t, path)
	clients.account.check(t, log)
	stream.check(t, log)
	checkCounted(t, log, s)
}

func TestLockedFileIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alertd.db")
	config := sqlite(path)
	config.Timeout = time.Second
	s := start(t, config)
	stream, told := follow(t, s), newAccount()
	s.mustRegister(t, 3)
	another := openFile(t, path)
	_, err := another.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
	require.NoError(t, err)
	for _, err := range atOnce(t, config.Timeout+config.Timeout/2, 20, func() error {
		a := alert()
		event, err := s.register(t, a)
		_ = told.note(a.EventID, event, err)
		return err
	}) {
		requireUnavailable(t, err, "the database is locked by another program")
	}
	requireUnavailable(t, s.store.Ready(), "the database is locked by another program")
	_, err = another.ExecContext(t.Context(), `ROLLBACK`)
	require.NoError(t, err)
	s.mustRegister(t, 3)
	s.waitReady(t)
	log := readSQLite(t, path)
	told.check(t, log)
	stream.check(t, log)
	checkCounted(t, log, s)
}

func TestUnusableFileIsNamedAtStart(t *testing.T) {
	t.Parallel()
	write := func(path, text string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	for _, c := range []struct {
		name string
		make func(folder string) (path string)
		want string
	}{
		{"a folder", func(folder string) string {
			require.NoError(t, os.Mkdir(filepath.Join(folder, "alertd.db"), 0o700))
			return filepath.Join(folder, "alertd.db")
		}, "is a directory"},
		{"a folder that cannot be made", func(folder string) string {
			write(filepath.Join(folder, "file"), "")
			return filepath.Join(folder, "file", "alertd.db")
		}, "not a directory"},
		{"garbage", func(folder string) string {
			write(filepath.Join(folder, "alertd.db"), strings.Repeat("no database at all", 1000))
			return filepath.Join(folder, "alertd.db")
		}, "the database file is damaged or is none; restore a backup"},
		{"the beginning of a database is garbage", func(folder string) string {
			path := filepath.Join(folder, "alertd.db")
			makeLog(t, path, 10)
			damage(t, path, 0, 200)
			return path
		}, "the database file is damaged or is none; restore a backup"},
		{"the schema is garbage", func(folder string) string {
			path := filepath.Join(folder, "alertd.db")
			makeLog(t, path, 10)
			damage(t, path, 100, 3900)
			return path
		}, "the database file is damaged or is none; restore a backup"},
		{"half a database", func(folder string) string {
			path := filepath.Join(folder, "alertd.db")
			makeLog(t, path, 1000)
			file, err := os.Stat(path)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(path, file.Size()/2))
			return path
		}, "the database file is damaged or is none; restore a backup"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.make(t.TempDir())
			config := sqlite(path)
			config.Logger = newLogger(&logText{})
			_, err := store.Open(t.Context(), config)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, c.want)
			_, err = store.Open(t.Context(), config)
			require.ErrorContains(t, err, c.want, "the lock of the first attempt is gone")
		})
	}
}

// makeLog makes a log with n events.
func makeLog(t *testing.T, path string, n int) {
	t.Helper()
	s := start(t, sqlite(path))
	s.mustRegister(t, n)
	s.stop()
}

// damage overwrites a part of a file.
func damage(tb testing.TB, path string, from, to int64) {
	tb.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(tb, err)
	_, err = file.WriteAt([]byte(strings.Repeat("\xdb", int(to-from))), from)
	require.NoError(tb, err)
	require.NoError(tb, file.Close())
}

func TestReadOnlyFolderIsNamedAtStart(t *testing.T) {
	t.Parallel()
	if !inMountNamespace(t) {
		return
	}
	disk := t.TempDir()
	smallDisk(t, disk, "16m")
	path := filepath.Join(disk, "alertd.db")
	makeLog(t, path, 3)
	mount(t, "", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	config := sqlite(path)
	config.Logger = newLogger(&logText{})
	_, err := store.Open(t.Context(), config)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "read-only file system")
}

func TestReadOnlyFileIsNamedAtStart(t *testing.T) {
	t.Parallel()
	if !inChild(t, nil) {
		return
	}
	asNobody(t)
	for _, c := range []struct {
		name   string
		forbid func(t *testing.T, path string)
		want   string
	}{
		{"the file", func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0o400)) }, "read-only"},
		{"its folder", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path+".lock"))
			require.NoError(t, os.Chmod(filepath.Dir(path), 0o500))
			t.Cleanup(func() { require.NoError(t, os.Chmod(filepath.Dir(path), 0o700)) })
		}, "permission denied"},
		{"not even read", func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0)) }, "the database file cannot be opened"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "alertd.db")
			makeLog(t, path, 3)
			c.forbid(t, path)
			config := sqlite(path)
			config.Logger = newLogger(&logText{})
			_, err := store.Open(t.Context(), config)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// What is acknowledged while the file is being damaged can be read, or not be
// read at all: it is never another event.
func TestDamageToTheOpenFileIsReported(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		refuses bool
		damage  func(tb testing.TB, path string, size int64)
	}{
		{"all pages but the first", true, func(tb testing.TB, path string, size int64) { tb.Helper(); damage(tb, path, 4096, size) }},
		{"cut off", true, func(tb testing.TB, path string, _ int64) {
			tb.Helper()
			require.NoError(tb, os.Truncate(path, 2*4096))
		}},
		{"pages that are not written", false, func(tb testing.TB, path string, size int64) {
			tb.Helper()
			damage(tb, path, size/8, size/2)
		}},
		{"everything", true, func(tb testing.TB, path string, size int64) { tb.Helper(); damage(tb, path, 0, size) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "alertd.db")
			makeLog(t, path, 2000)
			before := readSQLite(t, path)
			s := start(t, sqlite(path))
			told := newAccount()
			file, err := os.Stat(path)
			require.NoError(t, err)
			c.damage(t, path, file.Size())
			failed := 0
			for range 50 {
				a := alert()
				event, err := s.register(t, a)
				require.NoError(t, told.note(a.EventID, event, err))
				if err != nil {
					failed++
					requireUnavailable(t, err, "the database file is damaged or is none; restore a backup")
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for id, event := range told.acked {
				found, err := s.store.Find(ctx, id, "")
				if err == nil {
					require.NotNil(t, found, "event %d was acknowledged", event.Seq())
					require.Equal(t, event.JSON(), found.JSON())
				}
			}
			require.Equal(t, c.refuses, failed > 0)
			require.Equal(t, c.refuses, s.store.Ready() != nil)
			stretch, err := s.store.After(ctx, 0, alerting.Filter{})
			if err != nil {
				requireUnavailable(t, err, "the database file is damaged or is none; restore a backup")
			}
			for _, event := range stretch.Events {
				require.Equal(t, before[event.Seq()-1].json, event.JSON())
			}
		})
	}
}

// SQLite itself would write on, into files that nobody can find any more.
func TestReplacedFileTakesNoMoreEvents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		replace func(tb testing.TB, path string)
	}{
		{"removed", func(tb testing.TB, path string) { tb.Helper(); require.NoError(tb, os.Rename(path, path+".away")) }},
		{"a copy in its place", func(tb testing.TB, path string) {
			tb.Helper()
			text, err := os.ReadFile(path)
			require.NoError(tb, err)
			require.NoError(tb, os.Rename(path, path+".away"))
			require.NoError(tb, os.WriteFile(path, text, 0o600))
		}},
	} {
		for _, suffix := range []string{"", "-wal"} {
			t.Run(c.name+suffix, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "alertd.db")
				s := start(t, sqlite(path))
				s.mustRegister(t, 3)
				c.replace(t, path+suffix)
				_, err := s.register(t, alert())
				requireUnavailable(t, err, "the database file was removed or replaced while it was in use")
				s.waitNotReady(t, "the database file was removed or replaced while it was in use")
				require.NoError(t, os.Rename(path+suffix+".away", path+suffix))
				s.mustRegister(t, 3)
				s.waitReady(t)
				s.stop()
				require.Len(t, readSQLite(t, path), 6)
			})
		}
	}
}

// A caller that calls off a write on the one connection must not call off what comes
// after it there.
func TestCancelledWriteHarmsNoEvent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "alertd.db")
	s := start(t, sqlite(path))
	stream, clients := follow(t, s), run(t, s)
	writing, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for writing.Err() == nil {
				ctx, cancel := context.WithTimeout(writing, time.Duration(rand.IntN(400))*time.Microsecond)
				_ = s.store.SaveCursor(ctx, "reader", 1) // it may work or not
				cancel()
			}
		})
	}
	clients.waitMore(t, 500)
	stop()
	writers.Wait()
	clients.stop()
	require.Zero(t, clients.refused.Load())
	log := readSQLite(t, path)
	clients.account.check(t, log)
	stream.check(t, log)
	checkCounted(t, log, s)
}
