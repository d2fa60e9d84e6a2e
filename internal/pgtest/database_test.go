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

func TestDSNGivesEachTestAnEmptyDatabaseThatIsGoneAtItsEnd(t *testing.T) {
	watching := pgtest.DSN(t)
	var used []string
	for _, name := range []string{"one", "another"} {
		t.Run(name, func(t *testing.T) {
			dsn := pgtest.DSN(t)
			execute(t, dsn, "create table t (n int)") // not there from another test
			require.Equal(t, 1, query[int](t, dsn, "select count(*) from pg_tables where schemaname = 'public'"))
			used = append(used, query[string](t, dsn, "select current_database()"))
		})
	}
	require.Len(t, used, 2)
	for _, database := range used {
		require.Zero(t, query[int](t, watching, fmt.Sprintf("select count(*) from pg_database where datname = '%s'", database)))
	}
}

func TestDSNDropsADatabaseThatIsStillInUse(t *testing.T) {
	watching := pgtest.DSN(t)
	var connection *pgx.Conn
	t.Run("a test that forgets to close a connection", func(t *testing.T) {
		var err error
		connection, err = pgx.Connect(t.Context(), pgtest.DSN(t))
		require.NoError(t, err)
	})
	require.Error(t, connection.Ping(t.Context()))
	require.NoError(t, connection.Close(t.Context()))
	require.Equal(t, 1, query[int](t, watching, "select count(*) from pg_database where datname like 'alertd_test_%'"))
}

func TestDSNUsesTheServerThatTheEnvironmentNames(t *testing.T) {
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
	require.Equal(t, "on", show(t, pgtest.DSN(t), "fsync"))
}

// TestNeedsACluster is run by others in a process of its own.
func TestNeedsACluster(t *testing.T) {
	require.Equal(t, "on", show(t, pgtest.StartCluster(t).DSN("postgres"), "fsync"))
}

func TestWithoutPostgreSQLATestIsSkippedAndSaysHowToGetIt(t *testing.T) {
	for _, test := range []string{"TestNeedsADatabase", "TestNeedsACluster"} {
		output := runChild(t, test, "ALERTD_TEST_POSTGRES_DSN=", "ALERTD_TEST_POSTGRES=", "ALERTD_TEST_POSTGRES_BIN="+t.TempDir())
		require.Contains(t, output, "--- SKIP: "+test)
		require.Contains(t, output, "apt-get install postgresql")
		require.Contains(t, output, "ALERTD_TEST_POSTGRES_DSN")
	}
}

func TestWithoutPostgreSQLATestFailsWhereItIsRequired(t *testing.T) {
	for _, test := range []string{"TestNeedsADatabase", "TestNeedsACluster"} {
		output := runChild(t, test, "ALERTD_TEST_POSTGRES_DSN=", "ALERTD_TEST_POSTGRES=required", "ALERTD_TEST_POSTGRES_BIN="+t.TempDir())
		require.Contains(t, output, "--- FAIL: "+test)
		require.Contains(t, output, "apt-get install postgresql")
	}
}

func TestATestMainThatWouldLeaveTheClusterRunningIsRefused(t *testing.T) {
	output := runChild(t, "TestNeedsADatabase", envChild+"="+childWithoutMain, "ALERTD_TEST_POSTGRES_DSN=")
	require.Contains(t, output, "--- FAIL: TestNeedsADatabase")
	require.Contains(t, output, "pgtest.Main(m)")
}
