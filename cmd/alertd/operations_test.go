package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"alertd/internal/pgtest"
)

// command runs a command in this process and returns its exit status and what it
// printed.
func command(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

// configFile writes a configuration with an event log of its own.
func configFile(tb testing.TB, storage string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "config.toml")
	require.NoError(tb, os.WriteFile(path, []byte("[storage]\n"+storage), 0o600))
	return path
}

func sqliteFile(tb testing.TB) string {
	tb.Helper()
	return configFile(tb, fmt.Sprintf("path = %q\n", filepath.Join(tb.TempDir(), "alertd.db")))
}

func onEachDatabase(t *testing.T, test func(t *testing.T, config string)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, sqliteFile(t)) })
	t.Run("PostgreSQL", func(t *testing.T) {
		test(t, configFile(t, fmt.Sprintf("driver = \"postgres\"\ndsn = %q\n", pgtest.DSN(t))))
	})
}

// eventLines returns the lines of n events.
func eventLines(n int) []byte {
	var lines bytes.Buffer
	for i := range n {
		_, _ = fmt.Fprintf(&lines, `{"event_id":"00000000-0000-7000-8000-%012d","timestamp":"2026-01-01T00:00:00.%06dZ","severity":"error","category":"risk_limit",`+
			`"source":"var_gate","message":"VaR limit of book %d breached: 0.05 > 0.03","context":{"limit": 0.030},"seq":%d,"received_at":"2026-01-01T00:00:01.%06dZ"}`+"\n", i, i, i, i+1, i)
	}
	return lines.Bytes()
}

func exportAll(tb testing.TB, config string) string {
	tb.Helper()
	code, stdout, stderr := command(tb.Context(), "export", "--config", config)
	require.Equal(tb, exitOK, code, stderr)
	return stdout
}

// importing is an import in a process of its own that reads from a pipe.
type importing struct {
	cmd            *exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr bytes.Buffer
}

func startImport(tb testing.TB, config string) *importing {
	tb.Helper()
	// A script that runs the tests in the background has them ignore interrupts.
	i := &importing{cmd: exec.CommandContext(tb.Context(), "env", "--default-signal=INT", "alertd", "import", "--config", config, "-")}
	i.cmd.Env = append(os.Environ(), noRaceSleep)
	i.cmd.Stdout, i.cmd.Stderr = &i.stdout, &i.stderr
	var err error
	i.stdin, err = i.cmd.StdinPipe()
	require.NoError(tb, err)
	require.NoError(tb, i.cmd.Start())
	return i
}

// A pipe holds 64 KiB. Once more than a megabyte was written to it, the first transactions
// are committed.
func TestRepeatedImportHasEachEventOnce(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, config string) {
		const events = 10_000
		lines := eventLines(events)
		i := startImport(t, config)
		_, err := i.stdin.Write(lines[:len(lines)/2])
		require.NoError(t, err)
		require.NoError(t, i.cmd.Process.Kill())
		require.Error(t, i.cmd.Wait())

		before := strings.Count(exportAll(t, config), "\n")
		require.Greater(t, before, 1000)
		require.LessOrEqual(t, before, events/2)

		file := filepath.Join(t.TempDir(), "events.ndjson")
		require.NoError(t, os.WriteFile(file, lines, 0o600))
		code, stdout, stderr := command(t.Context(), "import", "--config", config, file)
		require.Equal(t, exitOK, code, stderr)
		require.Equal(t, fmt.Sprintf("imported %d, duplicates %d, invalid 0\n", events-before, before), stdout)
		require.Equal(t, string(lines), exportAll(t, config))
	})
}

func TestInterruptEndsImportBetweenTransactions(t *testing.T) {
	config := sqliteFile(t)
	i := startImport(t, config)
	lines := eventLines(50_000)
	const part = 2 << 20
	_, err := i.stdin.Write(lines[:part])
	require.NoError(t, err)
	require.NoError(t, i.cmd.Process.Signal(os.Interrupt))
	_, err = i.stdin.Write(lines[part:])
	require.ErrorIs(t, err, syscall.EPIPE, "it did not stop")
	require.Error(t, i.cmd.Wait())
	require.Equal(t, exitError, i.cmd.ProcessState.ExitCode())
	require.Regexp(t, `^imported \d+000, duplicates 0, invalid 0\n$`, i.stdout.String())
	require.Regexp(t, `^alertd: interrupted\nwhat comes before line \d+001 is in the log; the same import may be run again\n$`, i.stderr.String())
	require.Zero(t, strings.Count(exportAll(t, config), "\n")%1000)
}

// The first Ctrl-C does not end an import that waits for its next line.
func TestSecondInterruptEndsWaitingImport(t *testing.T) {
	i := startImport(t, sqliteFile(t))
	_, err := i.stdin.Write(eventLines(3000))
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- i.cmd.Wait() }()
	beat, limit := time.NewTicker(10*time.Millisecond), time.NewTimer(patience)
	defer beat.Stop()
	defer limit.Stop()
	for {
		select {
		case err := <-ended:
			require.Error(t, err)
			return
		case <-beat.C:
			_ = i.cmd.Process.Signal(os.Interrupt) // it may have ended
		case <-limit.C:
			require.NoError(t, i.cmd.Process.Kill())
			require.Fail(t, "it does not end")
		}
	}
}

func TestInterruptedCommandLeavesNoFile(t *testing.T) {
	config := sqliteFile(t)
	code, _, stderr := command(t.Context(), "migrate", "--config", config)
	require.Equal(t, exitOK, code, stderr)
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	folder := t.TempDir()
	target := filepath.Join(folder, "file")
	for want, args := range map[string][]string{
		"alertd: interrupted; " + target + " was not written\n": {"backup", "--config", config, target},
		"alertd: interrupted after 0 events\n":                  {"export", "--config", config, "--output", target},
	} {
		code, stdout, stderr := command(interrupted, args...)
		require.Equal(t, exitError, code)
		require.Empty(t, stdout)
		require.Equal(t, want, stderr)
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.Empty(t, entries)
	}
}

func TestImportShowsProgressOnATerminal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events.ndjson")
	require.NoError(t, os.WriteFile(file, slices.Concat(eventLines(2500), []byte("none\n"), eventLines(5000)), 0o600))
	for name, test := range map[string]struct{ file, want string }{
		"of a file":           {file, `importing +\d+% \|.* \(.*/2\.1 MiB, `},
		"where none has said": {"-", `importing \(\d+`},
	} {
		t.Run(name, func(t *testing.T) {
			screen, terminal := openTerminal(t)
			root := newRootCommand(io.Discard, terminal)
			lines, err := os.Open(file)
			require.NoError(t, err)
			defer func() { require.NoError(t, lines.Close()) }()
			root.SetIn(lines)
			root.SetArgs([]string{"import", "--skip-invalid", "--config", sqliteFile(t), test.file})
			require.NoError(t, root.ExecuteContext(t.Context()))
			_, err = terminal.WriteString("the end")
			require.NoError(t, err)
			seen := readUntil(t, screen, "the end")
			require.Regexp(t, test.want, seen)
			require.Contains(t, seen, " \r"+fmt.Sprintf("alertd: %s: line 2501: malformed JSON", test.file), "not in the middle of the bar")
			require.Regexp(t, `\r *\rthe end$`, seen, "nothing is left of it")
		})
	}
}

// readUntil reads a screen up to a text.
func readUntil(tb testing.TB, screen *os.File, end string) string {
	tb.Helper()
	require.NoError(tb, screen.SetReadDeadline(time.Now().Add(patience)))
	var seen strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(seen.String(), end) {
		n, err := screen.Read(buffer)
		require.NoError(tb, err, "after %q", seen.String())
		seen.Write(buffer[:n])
	}
	return seen.String()
}

func TestImportShowsNoProgressElsewhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events.ndjson")
	require.NoError(t, os.WriteFile(file, eventLines(3000), 0o600))
	code, _, stderr := command(t.Context(), "import", "--config", sqliteFile(t), file)
	require.Equal(t, exitOK, code)
	require.Empty(t, stderr)
}

func TestNewerSchemaIsReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alertd.db")
	config := configFile(t, fmt.Sprintf("path = %q\n", path))
	code, _, stderr := command(t.Context(), "migrate", "--config", config)
	require.Equal(t, exitOK, code, stderr)
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	for _, args := range [][]string{{"migrate", "--check"}, {"migrate"}} {
		code, stdout, stderr := command(t.Context(), append(args, "--config", config)...)
		require.Equal(t, exitError, code)
		require.Equal(t, "schema version 99, newest 7\n", stdout)
		require.Equal(t, "alertd: open database "+path+": schema version 99 is newer than 7: the database is of a newer alertd; use that one, or restore a backup of before\n", stderr)
	}
}
