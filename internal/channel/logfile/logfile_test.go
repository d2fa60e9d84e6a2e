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
	"alertd/internal/plaintext"
)

func start(tb testing.TB, config logfile.Config) *logfile.Channel {
	tb.Helper()
	return startWith(tb, config, &logfile.Files{})
}

// startWith opens a channel beside others of the same process.
func startWith(tb testing.TB, config logfile.Config, files *logfile.Files) *logfile.Channel {
	tb.Helper()
	c, err := logfile.New(config, files)
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

func TestLineCommandsNoTerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	deliver(t, start(t, logfile.Config{Path: path}), channeltest.Opened(alerting.SeverityError, "gate\u202e", "\u009b31m\x1b[A", "{\"\u200b\":1}"))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, new(any)))
	require.Equal(t, plaintext.Lines(string(text)), string(text), "nothing is left to escape")
	require.Contains(t, string(text), `"source":"gate\u202e"`)
}

func TestRepeatIsTheSameLine(t *testing.T) {
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

func TestConcurrentLinesAreWhole(t *testing.T) {
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

func TestFileIsRotatedBySize(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "alerts.jsonl")
	n := channeltest.Notification(incident.Opened)
	deliver(t, start(t, logfile.Config{Path: path}), n)
	info, err := os.Stat(path)
	require.NoError(t, err)

	c := start(t, logfile.Config{Path: path, MaxSize: 2 * info.Size()})
	deliver(t, c, n)
	assert.Len(t, keysIn(t, path), 2, "two fit, and one was there before")
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

func TestOversizedLineIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	c := start(t, logfile.Config{Path: path, MaxSize: 1})
	n := channeltest.Notification(incident.Opened)
	deliver(t, c, n)
	deliver(t, c, n)
	assert.Equal(t, []string{n.Key}, keysIn(t, path))
}

func TestAgeSurvivesRestart(t *testing.T) {
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

func TestOldBackupsAreDeleted(t *testing.T) {
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

func TestMovedFileIsBegunAnew(t *testing.T) {
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

func TestTruncatedFileIsReadAnew(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "alerts.jsonl")
	n := channeltest.Notification(incident.Opened)
	c := start(t, logfile.Config{Path: path, MaxSize: 3000, RotateEvery: time.Hour})
	deliver(t, c, n)
	deliver(t, c, n)
	require.NoError(t, os.Truncate(path, 0))
	n.Notice.At = n.Notice.At.Add(2 * time.Hour)
	deliver(t, c, n)
	backups, err := filepath.Glob(filepath.Join(folder, "alerts-*"))
	require.NoError(t, err)
	assert.Empty(t, backups, "there was nothing to rotate")
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

func TestCutLineDoesNotSpoilTheNext(t *testing.T) {
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

func TestUnwritablePathIsRefusedAtOpening(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "file"), nil, 0o600))
	for path, want := range map[string]string{
		filepath.Join(folder, "file", "a"):    "not a directory",
		folder:                                "is a directory",
		"/proc/alerts.jsonl":                  "/proc/alerts.jsonl",
		filepath.Join(folder, "a\x00b.jsonl"): "invalid argument",
	} {
		requireRefused(t, path, want)
	}
	require.NoError(t, os.Chmod(folder, 0o500))
	asSomebodyElse(t)
	requireRefused(t, filepath.Join(folder, "a"), "alertd may not write "+filepath.Join(folder, "a"))
}

func requireRefused(tb testing.TB, path, want string) {
	tb.Helper()
	_, err := logfile.New(logfile.Config{Path: path}, &logfile.Files{})
	var invalid *alerting.Error
	require.ErrorAs(tb, err, &invalid, path)
	require.Len(tb, invalid.Fields, 1)
	require.Equal(tb, "path", invalid.Fields[0].Field)
	require.Contains(tb, invalid.Fields[0].Message, want)
}

// asSomebodyElse makes this thread open files as a user with few permissions.
func asSomebodyElse(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() == 0 { // nothing is closed to root
		runtime.LockOSThread()
		tb.Cleanup(runtime.UnlockOSThread)
		require.NoError(tb, syscall.Setfsuid(65534))
		tb.Cleanup(func() { require.NoError(tb, syscall.Setfsuid(0)) })
	}
}

func TestFullDiskIsTransient(t *testing.T) {
	got := start(t, logfile.Config{Path: "/dev/full"}).Send(t.Context(), channeltest.Notification(incident.Opened))
	assert.Equal(t, channel.Transient, got.Outcome)
	assert.Contains(t, got.Error, "the disk of /dev/full is full: 0 of ")
}

func TestPermissionLostLaterIsTransient(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	c := start(t, logfile.Config{Path: path})
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Chmod(filepath.Dir(path), 0o500))
	asSomebodyElse(t)
	got := c.Send(t.Context(), channeltest.Notification(incident.Opened))
	assert.Equal(t, channel.Transient, got.Outcome)
	assert.Contains(t, got.Error, "alertd may not write "+path)
}

func TestSendRecovers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "alerts.jsonl")
	c := start(t, logfile.Config{Path: path})
	require.NoError(t, os.RemoveAll(filepath.Dir(path)))
	require.NoError(t, os.WriteFile(filepath.Dir(path), nil, 0o600))
	got := c.Send(t.Context(), channeltest.Notification(incident.Opened))
	require.Equal(t, channel.Transient, got.Outcome)
	require.Contains(t, got.Error, "not a directory")
	require.NoError(t, os.Remove(filepath.Dir(path)))
	deliver(t, c, channeltest.Notification(incident.Opened))
}

// pipe makes a named pipe.
func pipe(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "pipe")
	require.NoError(tb, syscall.Mkfifo(path, 0o600))
	return path
}

func TestALineGoesToAPipeAsWell(t *testing.T) {
	path := pipe(t)
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	require.NoError(t, err)
	c := start(t, logfile.Config{Path: path, MaxSize: 1})
	deliver(t, c, channeltest.Notification(incident.Opened))
	deliver(t, c, channeltest.Notification(incident.Opened))
	require.NoError(t, c.Close())
	text, err := io.ReadAll(reader)
	require.NoError(t, errors.Join(err, reader.Close()))
	assert.Equal(t, 2, bytes.Count(text, []byte("\n")))
}

func TestFullPipeHangsNobody(t *testing.T) {
	path := pipe(t)
	c := start(t, logfile.Config{Path: path})
	n := channeltest.Opened(alerting.SeverityError, "feed", strings.Repeat("stale ", 1000), "{}") // more than a pipe takes at once
	got := c.Send(t.Context(), n)
	assert.Equal(t, channel.Transient, got.Outcome)
	assert.Contains(t, got.Error, "nobody reads "+path)

	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // which does not read yet
	require.NoError(t, err)
	other, err := os.OpenFile(path, os.O_WRONLY, 0) // until it is closed, the reader waits for more
	require.NoError(t, err)
	sent := 0
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // what a busy machine may take to write
		got = c.Send(ctx, n)
		cancel()
		if got.Outcome != channel.Delivered {
			break
		}
		sent++
	}
	assert.Equal(t, channel.Transient, got.Outcome)
	assert.Contains(t, got.Error, "nobody reads "+path)

	read := make(chan []byte)
	go func() {
		text, err := io.ReadAll(reader)
		assert.NoError(t, errors.Join(err, reader.Close()))
		read <- text
	}()
	deliver(t, c, n)
	require.NoError(t, errors.Join(c.Close(), other.Close()))
	text := <-read
	assert.Equal(t, sent+2, bytes.Count(text, []byte(`{"time"`)))
	assert.Equal(t, sent+2, bytes.Count(text, []byte("\n")), "the line that was cut short does not spoil the next")
}

// At a reload the old version of a channel may still be writing when the new one begins.
func TestTwoVersionsRotateWithoutLoss(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	files := &logfile.Files{}
	old, fresh := startWith(t, logfile.Config{Path: path, MaxSize: 5000}, files), startWith(t, logfile.Config{Path: path, MaxSize: 3000}, files)
	var all sync.WaitGroup
	const each = 50
	for _, c := range []*logfile.Channel{old, fresh, old, fresh} {
		all.Go(func() {
			for range each {
				n := channeltest.Opened(alerting.SeverityError, "feed", strings.Repeat("stale ", 100), "{}")
				assert.Equal(t, channel.Result{Outcome: channel.Delivered}, c.Send(t.Context(), n))
			}
		})
	}
	all.Wait()
	backups, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	require.NoError(t, err)
	keys := map[string]bool{}
	for _, file := range backups {
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.LessOrEqual(t, info.Size(), int64(5000), "%s was rotated by neither", file)
		for _, key := range keysIn(t, file) {
			keys[key] = true
		}
	}
	assert.Len(t, keys, 4*each)
}

func TestHangingVersionKeepsItsTurn(t *testing.T) {
	path := pipe(t)
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // which reads nothing
	require.NoError(t, err)
	files := &logfile.Files{}
	old, fresh := startWith(t, logfile.Config{Path: path}, files), startWith(t, logfile.Config{Path: path}, files)
	n := channeltest.Opened(alerting.SeverityError, "feed", strings.Repeat("stale ", 1000), "{}")
	hung := make(chan channel.Result)
	go func() {
		for {
			if result := old.Send(t.Context(), n); result.Outcome != channel.Delivered {
				hung <- result
				return
			}
		}
	}()
	var got channel.Result
	for got.Error != "interrupted before anything was written" { // while the other one has not begun to hang, it is this one
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		got = fresh.Send(ctx, n)
		cancel()
	}
	assert.Equal(t, channel.Transient, got.Outcome)
	require.NoError(t, reader.Close())
	assert.Contains(t, (<-hung).Error, "broken pipe")
}

func TestNothingIsWrittenAfterTheDeadline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := start(t, logfile.Config{Path: path}).Send(ctx, channeltest.Notification(incident.Opened))
	assert.Equal(t, channel.Transient, got.Outcome)
	assert.Empty(t, keysIn(t, path))
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

func TestLinesOfTemplatesAndDigests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.log")
	c := start(t, logfile.Config{Path: path})
	var want []byte
	for _, n := range []channel.Notification{channeltest.Worded(), channeltest.Unworded(), channeltest.Notification(incident.Digested)} {
		deliver(t, c, n)
		line, err := logfile.Config{}.Preview(n)
		require.NoError(t, err)
		want = append(want, line...)
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(text), "the preview is what is written")
	lines := strings.Split(string(text), "\n")
	assert.Contains(t, lines[0], `"title":"VaR of EQ-LS-1 at 171 %","body":"Limit 0.0300\nVaR 0.0512","incident":`)
	assert.Contains(t, lines[1], `"template_error":"`+channeltest.TemplateError+`","incident":`)
	assert.Contains(t, lines[2], `"reason":"digest","why":"channel ops takes 30 messages an hour","new_events":73,"url":"https://alerts.example.com/incidents","digest":{`)
	assert.Contains(t, lines[2], `"status":"triggered","url":"https://alerts.example.com/incidents/019b5f2c-7a3e-7c4d-9f10-`)
	assert.NotContains(t, lines[2], `"incident":`)
}
