package pgtest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/needs"
	"alertd/internal/pgtest"
)

// eventually polls until the condition holds.
func eventually(tb testing.TB, condition func() bool, message string) {
	tb.Helper()
	require.Eventually(tb, condition, 30*time.Second, 5*time.Millisecond, message)
}

// isAlive reports whether a process runs.
func isAlive(tb testing.TB, pid int) bool {
	tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && !strings.Contains(string(status), "State:\tZ")
}

// postmasterFile returns a line of a server's postmaster.pid, counted from 1.
func postmasterFile(tb testing.TB, directory string, line int) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(directory, "postmaster.pid"))
	require.NoError(tb, err)
	return strings.Split(string(text), "\n")[line-1]
}

func postmaster(tb testing.TB, directory string) int {
	tb.Helper()
	pid, err := strconv.Atoi(postmasterFile(tb, directory, 1))
	require.NoError(tb, err)
	return pid
}

func TestCommittedRowsOutliveTheServer(t *testing.T) {
	cluster := pgtest.StartCluster(t)
	dsn := cluster.DSN("postgres")
	execute(t, dsn, "create table t (n int)")
	ends := []struct {
		name string
		end  func(ctx context.Context) error
	}{
		{"a fast stop", func(ctx context.Context) error { return cluster.Stop(ctx, pgtest.Fast) }},
		{"an immediate stop", func(ctx context.Context) error { return cluster.Stop(ctx, pgtest.Immediate) }},
		{"kill -9", cluster.Kill},
	}
	for i, end := range ends {
		t.Run(end.name, func(t *testing.T) {
			connection := connect(t, dsn)
			_, err := connection.Exec(t.Context(), "insert into t values (1)")
			require.NoError(t, err)

			require.True(t, cluster.Running())
			require.NoError(t, end.end(t.Context()))
			require.False(t, cluster.Running())
			require.Error(t, connection.Ping(t.Context()))
			require.NoError(t, end.end(t.Context()), "once more does no harm")

			require.NoError(t, cluster.Start(t.Context()))
			require.Equal(t, dsn, cluster.DSN("postgres"))
			require.Equal(t, i+1, query[int](t, dsn, "select count(*) from t"))
		})
	}
	require.ErrorContains(t, cluster.Start(t.Context()), "it runs already")
	require.NoError(t, cluster.Restart(t.Context(), pgtest.Fast))
	require.Equal(t, len(ends), query[int](t, dsn, "select count(*) from t"))
}

func TestClusterIsDurableAndTheSameEverywhere(t *testing.T) {
	t.Setenv("LC_ALL", "xx_XX.UTF-8") // which no machine has
	t.Setenv("LANG", "xx_XX.UTF-8")
	t.Setenv("TZ", "Asia/Kathmandu")
	t.Setenv("PGDATA", "/nowhere")
	t.Setenv("PGPORT", "1")
	dsn := pgtest.StartCluster(t).DSN("postgres")
	for setting, want := range map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "data_checksums": "on",
		"listen_addresses": "127.0.0.1", "timezone": "UTC", "lc_messages": "C", "server_encoding": "UTF8",
	} {
		require.Equal(t, want, show(t, dsn, setting), setting)
	}
	require.Equal(t, "C", query[string](t, dsn, "select datcollate from pg_database where datname = 'postgres'"))
}

func TestKillEndsEveryProcessOfTheServer(t *testing.T) {
	cluster := pgtest.StartCluster(t)
	pids := []int{postmaster(t, show(t, cluster.DSN("postgres"), "data_directory"))}
	for range 5 {
		var pid int
		require.NoError(t, connect(t, cluster.DSN("postgres")).QueryRow(t.Context(), "select pg_backend_pid()").Scan(&pid))
		pids = append(pids, pid)
	}
	// This one is too busy to notice that its server is gone.
	busy, ended := connect(t, cluster.DSN("postgres")), make(chan error)
	pids = append(pids, int(busy.PgConn().PID()))
	go func() {
		_, err := busy.Exec(t.Context(), "do $$ begin loop end loop; end $$")
		ended <- err
	}()
	watching := connect(t, cluster.DSN("postgres"))
	eventually(t, func() bool {
		var busy bool
		err := watching.QueryRow(t.Context(), "select exists (select from pg_stat_activity where state = 'active' and query like 'do %')").Scan(&busy)
		return err == nil && busy
	}, "it is not busy")
	for _, pid := range pids {
		require.True(t, isAlive(t, pid))
	}
	require.NoError(t, cluster.Kill(t.Context()))
	require.Error(t, <-ended)
	for _, pid := range pids {
		require.False(t, isAlive(t, pid))
	}
}

func TestClosedClusterLeavesNothing(t *testing.T) {
	for name, end := range map[string]func(*pgtest.Cluster, context.Context) error{
		"while it runs": func(*pgtest.Cluster, context.Context) error { return nil },
		"after kill -9": (*pgtest.Cluster).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			var data, segment string
			var pid int
			t.Run("the test", func(t *testing.T) {
				cluster := pgtest.StartCluster(t)
				data = show(t, cluster.DSN("postgres"), "data_directory")
				require.NoError(t, end(cluster, t.Context()))
				pid, segment = postmaster(t, data), postmasterFile(t, data, 7)
				require.Contains(t, sharedMemory(t), segment)
			})
			require.NoDirExists(t, filepath.Dir(data))
			require.False(t, isAlive(t, pid))
			require.NotContains(t, sharedMemory(t), segment)
		})
	}
}

// sharedMemory returns the segments that the kernel has, each as PostgreSQL
// writes it: its key and its id.
func sharedMemory(tb testing.TB) []string {
	tb.Helper()
	table, err := os.ReadFile("/proc/sysvipc/shm")
	require.NoError(tb, err)
	var segments []string
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); fields[0] != "key" {
			segments = append(segments, fmt.Sprintf("%9s %9s", fields[0], fields[1]))
		}
	}
	return segments
}

func TestFailedStartShowsTheLog(t *testing.T) {
	cluster := pgtest.StartCluster(t)
	data := show(t, cluster.DSN("postgres"), "data_directory")
	require.NoError(t, cluster.Stop(t.Context(), pgtest.Fast))
	require.NoError(t, os.WriteFile(filepath.Join(data, "postgresql.auto.conf"), []byte("no_such_setting = 1\n"), 0o600))
	err := cluster.Start(t.Context())
	require.ErrorContains(t, err, "it has ended")
	require.ErrorContains(t, err, "no_such_setting")
	require.False(t, cluster.Running())
}

func TestUnreachableDirectoryIsNamed(t *testing.T) {
	if os.Geteuid() != 0 {
		needs.Lacking(t, "root, whose PostgreSQL runs as another user")
	}
	pgtest.StartCluster(t) // or there is none to try
	closed := t.TempDir()
	require.NoError(t, os.Chmod(closed, 0o700))
	t.Setenv("TMPDIR", closed)
	_, err := pgtest.Create(t.Context())
	require.ErrorContains(t, err, "must be able to enter "+closed)
	require.ErrorContains(t, err, "TMPDIR names another place")
	left, err := os.ReadDir(closed)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestKilledProcessLeavesNoCluster(t *testing.T) {
	cmd := child(t.Context(), "TestHangs", envChild+"="+childHangs)
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()
	data := readDirectory(t, bufio.NewScanner(output))
	pid := postmaster(t, data)
	require.True(t, isAlive(t, pid))

	require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
	require.Error(t, cmd.Wait())
	eventually(t, func() bool { return !isAlive(t, pid) }, "the server lives on")
	require.DirExists(t, filepath.Dir(data), "its process is gone, nothing removes it yet")
	pgtest.StartCluster(t)
	require.NoDirExists(t, filepath.Dir(data), "the next one removes it")
}

func TestPromotedStandbyHasEveryCommit(t *testing.T) {
	t.Setenv("PGSSLMODE", "require") // which no cluster of ours can do
	primary := pgtest.StartCluster(t)
	standby := pgtest.StartStandby(t, primary)
	dsn := pgtest.FailoverDSN("postgres", standby, primary) // in whatever order
	execute(t, dsn, "create table t (n int)")
	require.False(t, query[bool](t, dsn, "select pg_is_in_recovery()"))
	require.True(t, query[bool](t, standby.DSN("postgres"), "select pg_is_in_recovery()"))
	for range 20 {
		execute(t, dsn, "insert into t values (1)")
	}

	require.NoError(t, primary.Kill(t.Context()))
	require.NoError(t, standby.Promote(t.Context()))
	require.Equal(t, 20, query[int](t, dsn, "select count(*) from t"))
	execute(t, dsn, "insert into t values (1)")
	require.Equal(t, 21, query[int](t, standby.DSN("postgres"), "select count(*) from t"))
}

func TestPrimaryDoesNotCommitWithoutItsStandby(t *testing.T) {
	primary := pgtest.StartCluster(t)
	standby := pgtest.StartStandby(t, primary)
	execute(t, primary.DSN("postgres"), "create table t (n int)")
	require.NoError(t, standby.Stop(t.Context(), pgtest.Fast))
	committed := make(chan error, 1)
	connection := connect(t, primary.DSN("postgres"))
	go func() {
		_, err := connection.Exec(t.Context(), "insert into t values (1)")
		committed <- err
	}()
	watching := connect(t, primary.DSN("postgres"))
	eventually(t, func() bool {
		var waits bool
		err := watching.QueryRow(t.Context(), "select exists (select from pg_stat_activity where wait_event = 'SyncRep')").Scan(&waits)
		return err == nil && waits
	}, "the commit does not wait")
	require.Empty(t, committed)
	require.NoError(t, standby.Start(t.Context()))
	require.NoError(t, <-committed)
}
