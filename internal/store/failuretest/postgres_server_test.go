package failuretest_test

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/needs"
	"alertd/internal/pgtest"
	"alertd/internal/store"
)

// execute runs statements of the test's own.
func execute(tb testing.TB, connection *pgx.Conn, statements ...string) {
	tb.Helper()
	for _, statement := range statements {
		_, err := connection.Exec(tb.Context(), statement)
		require.NoError(tb, err, statement)
	}
}

// thisDatabase returns the name of a connection's database, quoted.
func thisDatabase(tb testing.TB, connection *pgx.Conn) string {
	tb.Helper()
	return pgx.Identifier{connection.Config().Database}.Sanitize()
}

// endSessions ends all sessions of the database but this one.
const endSessions = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`

func TestUnusableServerIsNamedAtStart(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	change := func(f func(*url.URL)) string {
		parsed, err := url.Parse(dsn)
		require.NoError(t, err)
		parsed.User = url.UserPassword("postgres", "s3cret")
		f(parsed)
		return parsed.String()
	}
	for _, c := range []struct {
		name, dsn string
		want      []string
	}{
		{"nobody listens", change(func(u *url.URL) { u.Host = "127.0.0.1:1" }), []string{"the database server cannot be reached", "127.0.0.1:1"}},
		{"no such database", change(func(u *url.URL) { u.Path = "/nowhere" }), []string{"the database does not exist", "nowhere"}},
		{"no such user", change(func(u *url.URL) { u.User = url.UserPassword("nobody", "s3cret") }), []string{"the database server refuses the user or the password", "nobody"}},
		{"no such host", "postgres://postgres:s3cret@host.invalid/x", []string{"the database server cannot be reached", "host.invalid"}},
		{"not a dsn", "postgres://postgres:s3cret@[::1/x", []string{"the dsn cannot be read"}},
		{"not even that", "host=x password=s3cret port=y", []string{"the dsn cannot be read"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := postgres(c.dsn)
			log := &logText{}
			config.Logger = newLogger(log)
			began := time.Now()
			_, err := store.Open(t.Context(), config)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "s3cret")
			require.NotContains(t, log.String(), "s3cret")
			require.Less(t, time.Since(began), patience)
		})
	}
}

func TestDatabaseWithoutUTF8IsRefusedAtStart(t *testing.T) {
	t.Parallel()
	cluster := pgtest.StartCluster(t)
	admin := connect(t, cluster.DSN(pgtest.MaintenanceDatabase))
	for _, encoding := range []string{"LATIN1", "SQL_ASCII", "EUC_JP"} {
		t.Run(encoding, func(t *testing.T) {
			name := strings.ToLower(encoding)
			execute(t, admin, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING '`+encoding+`' LC_COLLATE 'C' LC_CTYPE 'C'`)
			config := postgres(cluster.DSN(name))
			config.Logger = newLogger(&logText{})
			_, err := store.Open(t.Context(), config)
			require.ErrorContains(t, err, "the database's encoding is "+encoding+", and must be UTF8")
			_, err = store.Migrate(t.Context(), config)
			require.ErrorContains(t, err, "the database's encoding is "+encoding+", and must be UTF8")
			var tables int
			require.NoError(t, connect(t, config.DSN).QueryRow(t.Context(), `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`).Scan(&tables))
			require.Zero(t, tables, "nothing was made in it")
		})
	}
}

// A trigger writes down what holds in the very session that appends.
func TestCommitsAreSyncedUnderEverySetting(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ server, session string }{
		{"off", "on"}, {"local", "on"}, {"on", "on"}, {"remote_apply", "remote_apply"},
	} {
		t.Run(c.server, func(t *testing.T) {
			dsn := pgtest.DSN(t)
			admin := connect(t, dsn)
			for _, setting := range []string{"synchronous_commit = " + c.server, "statement_timeout = '1min'"} {
				execute(t, admin, fmt.Sprintf(`ALTER DATABASE %s SET %s`, thisDatabase(t, admin), setting))
			}
			s := start(t, postgres(dsn))
			execute(t, admin, `CREATE TABLE seen (synchronous_commit text, statement_timeout text)`,
				`CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					INSERT INTO seen VALUES (current_setting('synchronous_commit'), current_setting('statement_timeout')); RETURN NEW; END $$`,
				`CREATE TRIGGER look AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION look()`)
			s.mustRegister(t, 1)
			var commit, timeout string
			require.NoError(t, admin.QueryRow(t.Context(), `SELECT * FROM seen`).Scan(&commit, &timeout))
			require.Equal(t, c.session, commit)
			require.Equal(t, "0", timeout, "the server does not end a statement: it could be a commit's wait for a standby")
		})
	}
}

func TestRefusalOfTheServerIsNamedAndEnds(t *testing.T) {
	t.Parallel()
	cluster := pgtest.StartCluster(t)
	for _, c := range []struct {
		name, fail, mend, reason string
	}{
		{
			"read-only by its settings",
			`ALTER DATABASE LEDGER SET default_transaction_read_only = on`,
			`ALTER DATABASE LEDGER SET default_transaction_read_only = off`,
			"the database server is read-only",
		},
		{
			"it takes no more connections",
			`ALTER ROLE CLERK CONNECTION LIMIT 0`,
			`ALTER ROLE CLERK CONNECTION LIMIT -1`,
			"the database server has too many connections",
		},
		{
			"the user may not write any more",
			`REVOKE INSERT ON events FROM CLERK; ALTER TABLE events OWNER TO postgres`,
			`ALTER TABLE events OWNER TO CLERK; GRANT INSERT ON events TO CLERK`,
			"the database server does not allow it to the user",
		},
		{
			"the user may not log in any more",
			`ALTER ROLE CLERK NOLOGIN`,
			`ALTER ROLE CLERK LOGIN`,
			"the database server refuses the user or the password",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dsn, admin, clerk := asClerk(t, cluster)
			statement := strings.NewReplacer("CLERK", clerk, "LEDGER", thisDatabase(t, admin)).Replace
			s := start(t, postgres(dsn))
			s.mustRegister(t, 3)
			stream, told := follow(t, s), newAccount()

			execute(t, admin, statement(c.fail), endSessions)
			for range 3 {
				a := alert()
				event, err := s.register(t, a)
				requireUnavailable(t, err, c.reason)
				require.NoError(t, told.note(a.EventID, event, err))
			}
			require.Error(t, s.store.Ready())
			require.GreaterOrEqual(t, s.store.Counts().Failures, uint64(3))

			execute(t, admin, statement(c.mend))
			require.Eventually(t, func() bool {
				_, err := s.register(t, alert())
				return err == nil
			}, 3*time.Second, time.Millisecond)
			s.waitReady(t)
			log := readPostgres(t, dsn)
			told.check(t, log)
			stream.check(t, log)
			checkCounted(t, log, s)
		})
	}
}

// asClerk returns a new database as a user who owns it and is no superuser, a
// superuser's connection to it, and the user's name.
func asClerk(t *testing.T, cluster *pgtest.Cluster) (string, *pgx.Conn, string) {
	t.Helper()
	name := "clerk_" + strings.ToLower(rand.Text())
	execute(t, connect(t, cluster.DSN(pgtest.MaintenanceDatabase)),
		`CREATE ROLE `+name+` LOGIN`, `CREATE DATABASE `+name+` OWNER `+name)
	dsn, err := url.Parse(cluster.DSN(name))
	require.NoError(t, err)
	dsn.User = url.User(name)
	return dsn.String(), connect(t, cluster.DSN(name)), name
}

func TestForeignLockIsWaitedForBriefly(t *testing.T) {
	dsn := pgtest.DSN(t)
	config := postgres(dsn)
	config.Timeout = time.Second
	s := start(t, config)
	s.mustRegister(t, 1)
	somebody := connect(t, dsn)
	execute(t, somebody, `BEGIN`, fmt.Sprintf(`SELECT pg_advisory_xact_lock(%d, 1)`, 0x616c7274))
	for _, err := range atOnce(t, config.Timeout+config.Timeout/2, 20, func() error {
		_, err := s.register(t, alert())
		return err
	}) {
		requireUnavailable(t, err, "the database does not answer in time")
	}
	execute(t, somebody, `ROLLBACK`)
	s.mustRegister(t, 1)
	s.waitReady(t)
	checkCounted(t, readPostgres(t, dsn), s)
}

func TestHangingReplicaDoesNotStopOthers(t *testing.T) {
	dsn := pgtest.DSN(t)
	through, proxied := startProxy(t, dsn)
	config := postgres(proxied)
	config.Timeout = 2 * time.Second
	hung, other := start(t, config), start(t, postgres(dsn))
	hung.mustRegister(t, 1)
	stream := follow(t, other)
	through.failNext(hangInTransaction)
	ended := make(chan error, 1)
	go func() {
		_, err := hung.register(t, alert())
		ended <- err
	}()
	<-through.failed
	atOnce(t, config.Timeout, 1, func() error {
		other.mustRegister(t, 1)
		return nil
	})
	requireUnavailable(t, <-ended, "the event log")
	hung.mustRegister(t, 1)
	log := readPostgres(t, dsn)
	require.Len(t, log, 3)
	stream.check(t, log)
	checkCounted(t, log, hung, other)
}

func TestRestartOfAnIdleServerIsNotNoticed(t *testing.T) {
	t.Parallel()
	cluster := pgtest.StartCluster(t)
	dsn := cluster.DSN(pgtest.MaintenanceDatabase)
	s := start(t, postgres(dsn))
	s.mustRegister(t, 3)
	s.warmUp(t)
	require.NoError(t, cluster.Restart(t.Context(), pgtest.Fast))
	s.mustRegister(t, 3)
	s.requireQueries(t, 5*time.Second)
	s.waitReady(t)
	checkCounted(t, readPostgres(t, dsn), s)
}

func TestFullDiskOfTheServerLosesNothing(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		needs.Lacking(t, "root, to give the server a small disk")
	}
	if !inMountNamespace(t) {
		return
	}
	cluster := pgtest.StartCluster(t)
	admin := connect(t, cluster.DSN(pgtest.MaintenanceDatabase))
	disk := diskOfServer(t, admin, "24m")
	execute(t, admin, fmt.Sprintf(`CREATE TABLESPACE small LOCATION '%s'`, disk), `CREATE DATABASE ledger TABLESPACE small`)
	dsn := cluster.DSN("ledger")

	s := start(t, postgres(dsn))
	stream, clients := follow(t, s), run(t, s)
	for range 2 {
		clients.waitMore(t, 50)
		free := fill(t, disk)
		s.waitNotReady(t, "the disk of the database server is full")
		clients.waitRefused(t)
		free()
		clients.waitMore(t, 50)
		s.waitReady(t)
	}
	clients.stop()
	log := readPostgres(t, dsn)
	clients.account.check(t, log)
	stream.check(t, log)
	checkCounted(t, log, s)
}

// diskOfServer returns a folder with a file system of its own, which the server
// can use for tables.
func diskOfServer(tb testing.TB, connection *pgx.Conn, size string) string {
	tb.Helper()
	var data string
	require.NoError(tb, connection.QueryRow(tb.Context(), `SHOW data_directory`).Scan(&data))
	info, err := os.Stat(data)
	require.NoError(tb, err)
	owner, ok := info.Sys().(*syscall.Stat_t)
	require.True(tb, ok)
	folder := filepath.Join(filepath.Dir(data), "small")
	require.NoError(tb, os.Mkdir(folder, 0o700))
	smallDisk(tb, folder, size)
	require.NoError(tb, os.Chown(folder, int(owner.Uid), int(owner.Gid)))
	return folder
}

func TestHangingQueriesDoNotStopIngest(t *testing.T) {
	dsn := pgtest.DSN(t)
	config := postgres(dsn)
	config.Timeout = 1500 * time.Millisecond
	s, other := start(t, config), start(t, postgres(dsn))
	s.mustRegister(t, 1)
	s.warmUp(t)
	stream := follow(t, s)
	execute(t, connect(t, dsn), `BEGIN`, `LOCK TABLE idempotency_keys IN ACCESS EXCLUSIVE MODE`)
	var queries sync.WaitGroup
	for range 20 {
		queries.Go(func() {
			if _, err := s.store.Find(t.Context(), alerting.EventID{}, "key"); err == nil {
				t.Error("a query got through")
			}
		})
	}
	atOnce(t, time.Second, 1, func() error {
		for range 20 { // each comes after one that has to be read
			other.mustRegister(t, 1)
			s.mustRegister(t, 1)
			require.NoError(t, s.store.Ready())
		}
		return nil
	})
	queries.Wait()
	s.mustRegister(t, 1)
	require.NoError(t, s.store.Ready())
	require.NotContains(t, s.log.String(), "the event log does not work")
	log := readPostgres(t, dsn)
	require.Len(t, log, 42)
	stream.check(t, log)
	checkCounted(t, log, s, other)
}
