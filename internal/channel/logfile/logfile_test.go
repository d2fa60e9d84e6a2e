package logfile_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/logfile"
	"alertd/internal/incident"
)

func start(tb testing.TB, config logfile.Config) *logfile.Channel {
	tb.Helper()
	c, err := logfile.New(config)
	require.NoError(tb, err)
	tb.Cleanup(func() { assert.NoError(tb, c.Close()) })
	return c
}

func deliver(tb testing.TB, c *logfile.Channel, n channel.Notification) {
	tb.Helper()
	require.Equal(tb, channel.Result{Outcome: channel.Delivered}, c.Send(tb.Context(), n))
}

// keysIn returns the delivery ids of a file, each of whose lines must be JSON.
func keysIn(tb testing.TB, path string) []string {
	tb.Helper()
	text, err := os.ReadFile(path)
	require.NoError(tb, err)
	var keys []string
	for l := range bytes.Lines(text) {
		var entry struct {
			Key string `json:"delivery_id"`
		}
		require.NoError(tb, json.Unmarshal(l, &entry), "%s", l)
		keys = append(keys, entry.Key)
	}
	return keys
}

func TestALineHasAllThereIsToKnow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "alerts.jsonl")
	n := channeltest.Notification(incident.WasResolved)
	deliver(t, start(t, logfile.Config{Path: path}), n)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(text), "}\n"), "%s", text)
	require.Equal(t, 1, strings.Count(string(text), "\n"))
	assert.True(t, strings.HasPrefix(string(text), `{"time":"`+alerting.FormatTime(n.Notice.At)+`","delivery_id":"`+n.Key+`","reason":"resolved","why":"resolved by grace","new_events":0,"by":"grace","note":"Hedged, limit holds again"`), "%s", text)
	assert.Contains(t, string(text), `"incident":{"incident_id":"`+channeltest.IncidentID+`","number":12,"status":"resolved","severity":"critical"`)
	assert.Contains(t, string(text), `"limit":0.0300,`, "numbers keep their digits")
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode().Perm()|0o040, "a mask may take away from 0640, nothing adds to it")
}

func TestAMessageThatIsSentAgainIsTheSameLineAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	c := start(t, logfile.Config{Path: path})
	n := channeltest.Notification(incident.Opened)
	deliver(t, c, n)
	deliver(t, c, n)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	first, second, _ := strings.Cut(string(text), "\n")
	assert.Equal(t, first+"\n", second)
}

func TestLinesAreWholeHoweverManyWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	c := start(t, logfile.Config{Path: path, MaxSize: 64 << 10})
	var all sync.WaitGroup
	const writers, each = 4, 25
	for range writers {
		all.Go(func() {
			for range each {
				n := channeltest.Opened(alerting.SeverityError, "feed", strings.Repeat("stale ", 500), "{}")
				assert.Equal(t, channel.Delivered, c.Send(t.Context(), n).Outcome)
			}
		})
	}
	all.Wait()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	require.NoError(t, err)
	assert.Greater(t, len(files), 1, "it was rotated meanwhile")
	keys := map[string]bool{}
	for _, file := range files {
		for _, key := range keysIn(t, file) {
			keys[key] = true
		}
	}
	assert.Len(t, keys, writers*each)
}

func TestAFileIsRotatedBeforeItBecomesTooLarge(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "alerts.jsonl")
	n := channeltest.Notification(incident.Opened)
	deliver(t, start(t, logfile.Config{Path: path}), n)
	info, err := os.Stat(path)
	require.NoError(t, err)

	c := start(t, logfile.Config{Path: path, MaxSize: 2 * info.Size()})
	deliver(t, c, n)
	assert.Len(t, keysIn(t, path), 2, "two fit, the first of which was there before")
	deliver(t, c, n)
	assert.Len(t, keysIn(t, path), 1)
	backups, err := filepath.Glob(filepath.Join(folder, "alerts-*-size.jsonl"))
	require.NoError(t, err)
	require.Len(t, backups, 1)
	assert.Len(t, keysIn(t, backups[0]), 2)
	for _, file := range append(backups, path) {
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o640), info.Mode().Perm()|0o040)
	}
}

func TestALineThatIsLargerThanAFileMayBeIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	c := start(t, logfile.Config{Path: path, MaxSize: 1})
	n := channeltest.Notification(incident.Opened)
	deliver(t, c, n)
	deliver(t, c, n)
	assert.Equal(t, []string{n.Key}, keysIn(t, path))
}

func TestAFileIsRotatedByItsAgeAlsoAfterARestart(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "alerts.jsonl")
	config := logfile.Config{Path: path, RotateEvery: 24 * time.Hour}
	n := channeltest.Notification(incident.Opened)
	deliver(t, start(t, config), n)

	n.Notice.At = n.Notice.At.Add(24*time.Hour - time.Microsecond)
	c := start(t, config)
	deliver(t, c, n)
	assert.Len(t, keysIn(t, path), 2, "a day has not passed")
	n.Notice.At = n.Notice.At.Add(time.Microsecond)
	deliver(t, c, n)
	assert.Len(t, keysIn(t, path), 1)
	backups, err := filepath.Glob(filepath.Join(folder, "alerts-*-age.jsonl"))
	require.NoError(t, err)
	assert.Len(t, backups, 1)
}

func TestBackupsThatAreTooManyOrTooOldAreDeleted(t *testing.T) {
	for name, config := range map[string]logfile.Config{
		"too many": {MaxBackups: 1},
		"too old":  {MaxAge: 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			old := filepath.Join(folder, "alerts-2020-01-01T00-00-00.000-size.jsonl")
			others := filepath.Join(folder, "alerts-of-others.jsonl")
			for _, file := range []string{old, others} {
				require.NoError(t, os.WriteFile(file, nil, 0o600))
			}
			config.Path, config.MaxSize = filepath.Join(folder, "alerts.jsonl"), 1
			c := start(t, config)
			deliver(t, c, channeltest.Notification(incident.Opened))
			assert.FileExists(t, old, "nothing was rotated yet")
			deliver(t, c, channeltest.Notification(incident.Opened))
			assert.NoFileExists(t, old)
			assert.FileExists(t, others)
			backups, err := filepath.Glob(filepath.Join(folder, "alerts-*-size.jsonl"))
			require.NoError(t, err)
			assert.Len(t, backups, 1)
		})
	}
}

func TestAFileThatWasMovedOrDeletedIsBegunAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	c := start(t, logfile.Config{Path: path})
	n := channeltest.Notification(incident.Opened)
	deliver(t, c, n)
	require.NoError(t, os.Rename(path, path+".1"))
	deliver(t, c, n)
	assert.Len(t, keysIn(t, path), 1)
	assert.Len(t, keysIn(t, path+".1"), 1)
	require.NoError(t, os.Remove(path))
	deliver(t, c, n)
	assert.Len(t, keysIn(t, path), 1)
}

func TestATruncatedFileHasNoHole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	c := start(t, logfile.Config{Path: path, MaxSize: 1})
	n := channeltest.Notification(incident.Opened)
	deliver(t, c, n)
	deliver(t, c, n) // into a file that was begun by rotation
	require.NoError(t, os.Truncate(path, 0))
	deliver(t, c, n)
	assert.Equal(t, []string{n.Key}, keysIn(t, path))
}

func TestReopenLetsGoOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	c := start(t, logfile.Config{Path: path})
	require.NoError(t, c.Reopen(), "also before there is one")
	deliver(t, c, channeltest.Notification(incident.Opened))
	require.NoError(t, os.Rename(path, path+".1"))
	assert.True(t, holds(t, path+".1"))
	require.NoError(t, c.Reopen())
	assert.False(t, holds(t, path+".1"))
	deliver(t, c, channeltest.Notification(incident.Opened))
	assert.Len(t, keysIn(t, path), 1)
}

// holds reports whether this process has a file open.
func holds(tb testing.TB, path string) bool {
	tb.Helper()
	descriptors, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(tb, err)
	for _, descriptor := range descriptors {
		if target, err := os.Readlink(descriptor); err == nil && target == path {
			return true
		}
	}
	return false
}

func TestALineThatWasCutShortDoesNotSpoilTheNext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	n := channeltest.Notification(incident.Opened)
	deliver(t, start(t, logfile.Config{Path: path}), n)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, whole[:len(whole)/2], 0o600))
	deliver(t, start(t, logfile.Config{Path: path}), n)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(whole[:len(whole)/2])+"\n"+string(whole), string(text))
}

func TestWhatPeopleMustPutInOrderIsTransientAndSaysSo(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "file"), nil, 0o600))
	for path, want := range map[string]string{
		"/dev/full":                           "the disk of /dev/full is full: 0 of ",
		filepath.Join(folder, "file", "a"):    "not a directory",
		folder:                                "is a directory",
		"/proc/alerts.jsonl":                  "/proc/alerts.jsonl",
		filepath.Join(folder, "a\x00b.jsonl"): "invalid argument",
	} {
		got := start(t, logfile.Config{Path: path}).Send(t.Context(), channeltest.Notification(incident.Opened))
		assert.Equal(t, channel.Transient, got.Outcome, path)
		assert.Contains(t, got.Error, want, path)
		assert.Zero(t, got.Code)
	}
}

func TestAFolderThatIsClosedToAlertdIsNamed(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Chmod(folder, 0o500))
	if os.Geteuid() == 0 { // nothing is closed to root, so this thread opens files as somebody else
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		require.NoError(t, syscall.Setfsuid(65534))
		defer func() { require.NoError(t, syscall.Setfsuid(0)) }()
	}
	got := start(t, logfile.Config{Path: filepath.Join(folder, "a")}).Send(t.Context(), channeltest.Notification(incident.Opened))
	assert.Equal(t, channel.Transient, got.Outcome)
	assert.Contains(t, got.Error, "alertd may not write "+filepath.Join(folder, "a"))
}

func TestItGoesOnOnceThingsAreInOrder(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "logs", "alerts.jsonl")
	require.NoError(t, os.WriteFile(filepath.Dir(path), nil, 0o600))
	c := start(t, logfile.Config{Path: path})
	require.Equal(t, channel.Transient, c.Send(t.Context(), channeltest.Notification(incident.Opened)).Outcome)
	require.NoError(t, os.Remove(filepath.Dir(path)))
	deliver(t, c, channeltest.Notification(incident.Opened))
}

func TestALineGoesToAPipeAsWell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	read := make(chan []byte)
	go func() {
		defer close(read)
		pipe, err := os.Open(path)
		if !assert.NoError(t, err) {
			return
		}
		text, err := io.ReadAll(pipe)
		assert.NoError(t, errors.Join(err, pipe.Close()))
		read <- text
	}()
	c := start(t, logfile.Config{Path: path, MaxSize: 1})
	deliver(t, c, channeltest.Notification(incident.Opened))
	deliver(t, c, channeltest.Notification(incident.Opened))
	require.NoError(t, c.Close())
	assert.Equal(t, 2, bytes.Count(<-read, []byte("\n")))
}

func TestNothingIsWrittenOnceTheTimeIsUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := start(t, logfile.Config{Path: path}).Send(ctx, channeltest.Notification(incident.Opened))
	assert.Equal(t, channel.Transient, got.Outcome)
	assert.NoFileExists(t, path)
}

// BenchmarkSend says what it costs that a line is on disk before it counts.
func BenchmarkSend(b *testing.B) {
	for name, path := range map[string]string{"synced": filepath.Join(b.TempDir(), "alerts.jsonl"), "not synced": "/dev/null"} {
		b.Run(name, func(b *testing.B) {
			c := start(b, logfile.Config{Path: path})
			n := channeltest.Notification(incident.Opened)
			for b.Loop() {
				deliver(b, c, n)
			}
		})
	}
}
