package pgtest_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"alertd/internal/pgtest"
)

func connect(tb testing.TB, dsn string) *pgx.Conn {
	tb.Helper()
	connection, err := pgx.Connect(tb.Context(), dsn)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = connection.Close(tb.Context()) }) // a test may have killed the server
	return connection
}

// query returns the one value that a query asks for.
func query[T any](tb testing.TB, dsn, statement string) T {
	tb.Helper()
	var value T
	require.NoError(tb, connect(tb, dsn).QueryRow(tb.Context(), statement).Scan(&value))
	return value
}

func execute(tb testing.TB, dsn, statement string) {
	tb.Helper()
	_, err := connect(tb, dsn).Exec(tb.Context(), statement)
	require.NoError(tb, err)
}

func show(tb testing.TB, dsn, setting string) string {
	tb.Helper()
	return query[string](tb, dsn, "show "+setting)
}

func TestEachTestHasAnEmptyDatabase(t *testing.T) {
	var used []string
	for _, name := range []string{"one", "another"} {
		t.Run(name, func(t *testing.T) {
			dsn := pgtest.DSN(t)
			require.Zero(t, query[int](t, dsn, "select count(*) from pg_tables where schemaname !~ '^pg_' and schemaname <> 'information_schema'"))
			require.Equal(t, "0", show(t, dsn, "statement_timeout"))
			database := query[string](t, dsn, "select current_database()")
			for _, statement := range []string{
				"create table t (n int)", "create schema s", "create table s.t (n int)", "create function f() returns int language sql as 'select 1'",
				"alter database " + database + " set statement_timeout = '9s'", "alter database " + database + " set default_transaction_read_only = on",
			} {
				execute(t, dsn, statement)
			}
			used = append(used, database)
		})
	}
	require.Equal(t, used[0], used[1], "emptied, not made anew")
}

func TestParallelTestsHaveDatabasesOfTheirOwn(t *testing.T) {
	one, another := pgtest.DSN(t), pgtest.DSN(t)
	require.NotEqual(t, query[string](t, one, "select current_database()"), query[string](t, another, "select current_database()"))
}

func TestDatabaseLosesTheSessionsOfItsTest(t *testing.T) {
	var busy, watching *pgx.Conn
	t.Run("a test that forgets to close a connection", func(t *testing.T) {
		dsn := pgtest.DSN(t)
		var err error
		busy, err = pgx.Connect(t.Context(), dsn)
		require.NoError(t, err)
		_, err = busy.Exec(t.Context(), "create table t (n int)")
		require.NoError(t, err)
		_, err = busy.Exec(t.Context(), "begin; insert into t values (1); select pg_advisory_lock(1)")
		require.NoError(t, err)
	})
	watching = connect(t, pgtest.DSN(t))
	require.Error(t, busy.Ping(t.Context()))
	require.NoError(t, busy.Close(t.Context()))
	var free bool
	require.NoError(t, watching.QueryRow(t.Context(), "select pg_try_advisory_lock(1)").Scan(&free))
	require.True(t, free)
}

func TestDSNUsesTheServerOfTheEnvironment(t *testing.T) {
	cluster := pgtest.StartCluster(t)
	port := show(t, cluster.DSN("postgres"), "port")
	tests := map[string]string{
		"a URL":                               cluster.DSN("postgres"),
		"a URL that names the database apart": fmt.Sprintf("postgresql://postgres@127.0.0.1:%s/?dbname=postgres&sslmode=disable", port),
		"keywords and values":                 fmt.Sprintf("host=127.0.0.1 port=%s user=postgres dbname=postgres sslmode=disable", port),
	}
	for name, dsn := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("ALERTD_TEST_POSTGRES_DSN", dsn)
			made := pgtest.DSN(t)
			require.Equal(t, port, show(t, made, "port"))
			require.Contains(t, query[string](t, made, "select current_database()"), "alertd_test_")
		})
	}
	require.Zero(t, query[int](t, cluster.DSN("postgres"), "select count(*) from pg_database where datname like 'alertd_test_%'"))
}

// TestNeedsADatabase is run by others in a process of its own.
func TestNeedsADatabase(t *testing.T) {
	require.Equal(t, "on", show(t, pgtest.DSN(t), "synchronous_commit"))
}

// TestNeedsACluster is run by others in a process of its own.
func TestNeedsACluster(t *testing.T) {
	require.Equal(t, "on", show(t, pgtest.StartCluster(t).DSN("postgres"), "fsync"))
}

func TestWithoutPostgreSQLATestIsSkipped(t *testing.T) {
	for _, test := range []string{"TestNeedsADatabase", "TestNeedsACluster"} {
		output := runChild(t, test, "ALERTD_TEST_POSTGRES_DSN=", "ALERTD_TEST_POSTGRES=", "ALERTD_TEST_POSTGRES_BIN="+t.TempDir())
		require.Contains(t, output, "--- SKIP: "+test)
		require.Contains(t, output, "apt-get install postgresql")
		require.Contains(t, output, "ALERTD_TEST_POSTGRES_DSN")
	}
}

func TestWithoutRequiredPostgreSQLATestFails(t *testing.T) {
	for _, test := range []string{"TestNeedsADatabase", "TestNeedsACluster"} {
		output := runChild(t, test, "ALERTD_TEST_POSTGRES_DSN=", "ALERTD_TEST_POSTGRES=required", "ALERTD_TEST_POSTGRES_BIN="+t.TempDir())
		require.Contains(t, output, "--- FAIL: "+test)
		require.Contains(t, output, "apt-get install postgresql")
	}
}

func TestTestMainWithoutPgtestIsRefused(t *testing.T) {
	output := runChild(t, "TestNeedsADatabase", envChild+"="+childWithoutMain, "ALERTD_TEST_POSTGRES_DSN=")
	require.Contains(t, output, "--- FAIL: TestNeedsADatabase")
	require.Contains(t, output, "pgtest.Main(m)")
}
