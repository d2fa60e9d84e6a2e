package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"alertd/internal/needs"
)

func TestEveryLineOfTheLogIsInTheFormatThatWasAskedFor(t *testing.T) {
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

func TestWhatIsBelowTheLogLevelIsNotLogged(t *testing.T) {
	for level, want := range map[string][]string{
		"debug": {"DEBUG", "INFO", "WARN", "ERROR"},
		"info":  {"INFO", "WARN", "ERROR"},
		"warn":  {"WARN", "ERROR"},
		"error": {"ERROR"},
	} {
		t.Run(level, func(t *testing.T) {
			var out strings.Builder
			logs, err := newLoggers(&out, level, "json")
			require.NoError(t, err)
			for _, record := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
				logs.main.Log(t.Context(), record, "something")
			}
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

func TestARecordOfARequestMayWaitButNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newLogBuffer() // which the timer writes to as well
		logs, err := newLoggers(out, "info", "text")
		require.NoError(t, err)
		logs.access.Info("first")
		require.Empty(t, out.String())
		time.Sleep(logPatience) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		require.Contains(t, out.String(), "msg=first")

		logs.access.Info("second")
		logs.main.Info("third")
		require.Regexp(t, `(?s)first.*second.*third`, out.String(), "what is written at once takes with it what waits")
		logs.access.Info("fourth")
		logs.flush()
		require.Contains(t, out.String(), "msg=fourth")
		time.Sleep(logPatience) //nolint:forbidigo // the bubble's clock
		synctest.Wait()

		for range logWaiting / 100 {
			logs.access.Info("long", "text", strings.Repeat("x", 100))
		}
		require.Greater(t, len(out.String()), logWaiting/2, "not more than so much waits")
		logs.flush()
		time.Sleep(logPatience) //nolint:forbidigo // the bubble's clock
	})
}

func TestTheLogLevelOfTheCommandLineIsInForce(t *testing.T) {
	p := launch(t, noFile, "--log-level", "warn") // which is worth a warning
	p.awaitLog("does not exist")
	p.exit() // perhaps before it has opened its log, which is no good end
	require.NotContains(t, p.log.String(), "INFO")
}

func TestALogOnATerminalIsText(t *testing.T) {
	screen, terminal := openTerminal(t)
	logs, err := newLoggers(terminal, "info", "auto")
	require.NoError(t, err)
	logs.access.Info("seen by a person") // at once
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
