package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"alertd/internal/pgtest"
)

// hold runs statements on one connection, which then holds their locks.
func hold(tb testing.TB, dsn string, statements ...string) {
	tb.Helper()
	db, err := sql.Open("pgx", dsn)
	require.NoError(tb, err)
	conn, err := db.Conn(tb.Context())
	require.NoError(tb, err)
	tb.Cleanup(func() { _, _ = conn.Close(), db.Close() })
	for _, statement := range statements {
		_, err := conn.ExecContext(tb.Context(), statement)
		require.NoError(tb, err)
	}
}

// awaitWaiting waits until a connection of alertd waits for a lock.
func awaitWaiting(tb testing.TB, dsn string) {
	tb.Helper()
	db, err := sql.Open("pgx", dsn)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, db.Close()) }()
	eventually(tb, func() bool {
		var waits bool
		require.NoError(tb, db.QueryRowContext(tb.Context(), `SELECT EXISTS (SELECT 1 FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'alertd' AND (wait_event_type = 'Lock' OR query LIKE '%pg_try_advisory_lock%'))`).Scan(&waits))
		return waits
	}, "it waits")
}

func TestSignalEndsStartWaitingForPostgreSQL(t *testing.T) {
	for name, test := range map[string]struct {
		migrated bool
		lock     []string
	}{
		"another replica migrates":    {lock: []string{"SELECT pg_advisory_lock(1634497140, 2)"}},
		"the events cannot be read":   {migrated: true, lock: []string{"BEGIN", "LOCK TABLE events IN ACCESS EXCLUSIVE MODE"}},
		"the versions cannot be read": {migrated: true, lock: []string{"BEGIN", "LOCK TABLE goose_db_version IN ACCESS EXCLUSIVE MODE"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.DSN(t)
			p := newProgram(t, fmt.Sprintf("[storage]\ndriver = \"postgres\"\ndsn = %q\ntimeout = \"1m\"\n", dsn))
			if test.migrated {
				code, _, stderr := command(t.Context(), "migrate", "--config", p.config)
				require.Equal(t, exitOK, code, stderr)
			}
			hold(t, dsn, test.lock...)
			p.launchProcess("alertd", p.log)
			awaitWaiting(t, dsn)
			p.signal(syscall.SIGTERM)
			require.Equal(t, exitOK, p.exitStatus(), "%s", p.log)
			require.Contains(t, p.awaitLog("stopped before it had started"), `"cause":"terminated"`)
		})
	}
}

func TestSignalEndsStartWithSilentDatabase(t *testing.T) {
	t.Parallel()
	p := newProgram(t, fmt.Sprintf("[storage]\ndriver = \"postgres\"\ndsn = \"postgres://alertd@%s/alertd\"\n", silent(t)))
	p.launchProcess("alertd", p.log)
	p.awaitLog("starting")
	p.signal(syscall.SIGINT)
	require.Equal(t, exitOK, p.exitStatus(), "%s", p.log)
	require.Contains(t, p.awaitLog("stopped before it had started"), `"cause":"interrupt"`)
}

// The start opens a named pipe, which blocks in the kernel until somebody writes to it.
func TestSecondSignalEndsHangingStart(t *testing.T) {
	t.Parallel()
	p := newProgram(t, "")
	require.NoError(t, syscall.Mkfifo(p.beside("alertd.db.lock"), 0o600))
	p.launchProcess("alertd-as-shipped", p.log)
	p.awaitLog("starting")
	p.signal(syscall.SIGTERM)
	p.signal(syscall.SIGINT)
	require.Equal(t, exitError, p.exitStatus(), "%s", p.log)
	require.Equal(t, "alertd: stop: the start did not end: told again\n", p.awaitLog("alertd: "))
}

// The log file is a full pipe. Writes to it block in the kernel.
func TestHangingChannelDoesNotDelayStop(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	pipe, err := syscall.Open(path, syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(pipe) })
	for err == nil {
		_, err = syscall.Write(pipe, make([]byte, 512))
	}
	require.ErrorIs(t, err, syscall.EAGAIN)

	p := newProgram(t, fmt.Sprintf("[server]\nshutdown_timeout = \"100ms\"\n[storage]\npath = %q\ntimeout = \"1s\"\n"+
		"[alerting]\nenabled = true\n[alerting.channels.logfile]\nenabled = true\ntimeout = \"5m\"\npath = %q\n",
		filepath.Join(t.TempDir(), "alertd.db"), path))
	p.launchProcess("alertd-as-shipped", p.log)
	p.awaitListening()
	require.Equal(t, http.StatusCreated, p.post("/alerts", breach).status)
	eventually(t, func() bool { return strings.Contains(p.get("/deliveries?status=sending").body, "delivery_id") }, "it is being sent")
	asked := time.Now()
	p.signal(syscall.SIGTERM)
	p.exitStatus()
	require.Less(t, time.Since(asked), 10*time.Second, "%s", p.log)
}
