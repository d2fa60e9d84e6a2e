package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"alertd/internal/needs"
)

func TestLogFormat(t *testing.T) {
	isJSON := func(line string) bool { return json.Valid([]byte(line)) }
	isText := func(line string) bool { return strings.HasPrefix(line, "time=") && strings.Contains(line, " level=") }
	for name, test := range map[string]struct {
		args []string
		want func(string) bool
	}{
		"json":                       {[]string{"--log-format", "json"}, isJSON},
		"text":                       {[]string{"--log-format", "text"}, isText},
		"JSON where no person reads": {nil, isJSON},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, "", test.args...)
			p.get("/healthz")
			require.Equal(t, exitOK, p.exit())
			lines := strings.Split(strings.TrimSpace(p.log.String()), "\n")
			require.Greater(t, len(lines), 3)
			for _, line := range lines {
				require.True(t, test.want(line), line)
			}
		})
	}
}

func TestLogCommandsNoTerminal(t *testing.T) {
	for format, want := range map[string]string{
		"json": `"source":"\u009b31m\u001b[A\u202e\u3164é"`,
		"text": `source="\u009b31m\x1b[A\u202e\u3164é"`,
	} {
		var out strings.Builder
		log, err := newDaemonLog(&out, "info", format)
		require.NoError(t, err)
		log.Info("refused", "source", "\u009b31m\x1b[A\u202e\u3164é")
		log.fail(errors.New("\x1b[31mred"))
		log.close()
		require.Contains(t, out.String(), want)
		require.Contains(t, out.String(), `alertd: \x1b[31mred`)
	}
}

func TestLogLevel(t *testing.T) {
	for level, want := range map[string][]string{
		"debug": {"DEBUG", "INFO", "WARN", "ERROR"},
		"info":  {"INFO", "WARN", "ERROR"},
		"warn":  {"WARN", "ERROR"},
		"error": {"ERROR"},
	} {
		t.Run(level, func(t *testing.T) {
			var out strings.Builder
			log, err := newDaemonLog(&out, level, "json")
			require.NoError(t, err)
			for _, record := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
				log.Log(t.Context(), record, "something")
			}
			log.close()
			var got []string
			for line := range strings.Lines(out.String()) {
				var record struct{ Level string }
				require.NoError(t, json.Unmarshal([]byte(line), &record))
				got = append(got, record.Level)
			}
			require.Equal(t, want, got)
		})
	}
}

// unread is an alertd that writes its log to a pipe without a reader, and is dropping
// records. It does not check for goroutines at its end: one hangs in a write.
type unread struct {
	*program
	pipe *os.File
	log  *bufio.Reader
}

func startUnread(t *testing.T, toml string) *unread {
	t.Helper()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = reader.Close() })
	u := &unread{newProgram(t, toml), reader, bufio.NewReader(reader)}
	u.launchProcess("alertd-as-shipped", writer)
	require.NoError(t, writer.Close())
	var listening struct{ Addr string }
	require.NoError(t, json.Unmarshal([]byte(u.awaitLine("listening")), &listening))
	u.addr = listening.Addr
	dropped := regexp.MustCompile(`\nalertd_log_records_dropped_total [1-9]`)
	eventually(t, func() bool {
		for range 100 {
			require.Equal(t, http.StatusOK, u.post("/-/reload", "").status) // logged
		}
		return dropped.MatchString(u.get("/metrics").body)
	}, "records are dropped")
	return u
}

// awaitLine reads the log up to a line that holds a text, and returns the line.
func (u *unread) awaitLine(text string) string {
	u.tb.Helper()
	require.NoError(u.tb, u.pipe.SetReadDeadline(time.Now().Add(patience)))
	for {
		line, err := u.log.ReadString('\n')
		require.NoError(u.tb, err, "no %q in the log", text)
		if strings.Contains(line, text) {
			return line
		}
	}
}

func TestUnreadLogStopsNothing(t *testing.T) {
	url, told := webhookReceiver(t)
	u := startUnread(t, deskChannels(url, filepath.Join(t.TempDir(), "alerts.jsonl")))
	for range 1000 {
		require.Equal(t, http.StatusCreated, u.post("/alerts", breach).status)
	}
	eventually(t, func() bool { return len(told()) > 0 }, "it is told")
	asked := time.Now()
	require.Equal(t, exitOK, u.exit())
	require.Less(t, time.Since(asked), patience/2, "the last records are not waited for")
}

func TestLogSaysHowManyRecordsWereDropped(t *testing.T) {
	u := startUnread(t, strict)
	read := make(chan string)
	go func() { read <- u.awaitLine("log records were dropped") }()
	eventually(t, func() bool {
		u.post("/-/reload", "") // the first record that goes out again
		select {
		case line := <-read:
			require.Regexp(t, `"level":"ERROR","msg":"log records were dropped","records":[1-9]`, line)
			return true
		default:
			return false
		}
	}, "the log says so")
	go func() { _, _ = io.Copy(io.Discard, u.log) }()
	require.Equal(t, exitOK, u.exit())
}

func TestLogWhoseReaderHasGoneStopsNothing(t *testing.T) {
	u := startUnread(t, strict)
	require.NoError(t, u.pipe.Close())
	require.Equal(t, http.StatusCreated, u.post("/alerts", breach).status)
	require.Equal(t, exitOK, u.exit())
}

func TestLogLevelFlag(t *testing.T) {
	p := launch(t, noFile, "--log-level", "warn") // makes a warning
	p.awaitLog("does not exist")
	require.Equal(t, exitOK, p.exit()) // maybe before it has started
	require.NotContains(t, p.log.String(), "INFO")
}

func TestTerminalLogIsText(t *testing.T) {
	screen, terminal := openTerminal(t)
	log, err := newDaemonLog(terminal, "info", "auto")
	require.NoError(t, err)
	log.Info("seen by a person")
	log.close()
	require.NoError(t, screen.SetReadDeadline(time.Now().Add(patience)))
	line, err := bufio.NewReader(screen).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, `level=INFO msg="seen by a person"`)
}

// openTerminal opens a terminal: what a program writes to it, the screen reads.
func openTerminal(tb testing.TB) (screen, terminal *os.File) {
	tb.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		needs.Lacking(tb, "a terminal: %s", err)
	}
	tb.Cleanup(func() { _ = screen.Close() })
	var unlock, number int32
	control(tb, screen, syscall.TIOCSPTLCK, &unlock)
	control(tb, screen, syscall.TIOCGPTN, &number)
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = terminal.Close() })
	return screen, terminal
}

func control(tb testing.TB, file *os.File, request uintptr, argument *int32) {
	tb.Helper()
	raw, err := file.SyscallConn()
	require.NoError(tb, err)
	var failed syscall.Errno
	require.NoError(tb, raw.Control(func(fd uintptr) {
		_, _, failed = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(argument)))
	}))
	require.Zero(tb, failed)
}
