package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// shared is the cluster of this process. It is the package's only state: tests
// are functions that nobody can hand a cluster to.
var shared sharedCluster

type sharedCluster struct {
	mu      sync.Mutex
	main    bool // Main runs, and will stop it
	cluster *Cluster
	err     error    // why there is no cluster
	idle    []string // databases that are empty and that no test uses
}

// Tests is what [testing.M] is to a TestMain.
type Tests interface{ Run() int }

type tests struct{ Tests }

// Main returns m with the end of this process's cluster, if [DSN] started one.
// TestMain must run it.
func Main(m Tests) Tests { return tests{m} }

// Run runs the tests, then stops the cluster, and returns the exit code.
func (t tests) Run() int {
	shared.begin()
	code := t.Tests.Run()
	if err := shared.end(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return max(code, 1)
	}
	return code
}

func (s *sharedCluster) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.main = true
}

func (s *sharedCluster) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.main = false
	if s.cluster == nil {
		return nil
	}
	return s.cluster.Close()
}

// dsn returns how to connect to the cluster's maintenance database; the first
// call starts the cluster. If that fails, it fails for all.
func (s *sharedCluster) dsn(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.main {
		return "", errors.New("pgtest: TestMain must run pgtest.Main(m), which stops the cluster at the end")
	}
	if s.cluster == nil && s.err == nil {
		// Nobody kills this server, so it need not be durable.
		s.cluster, s.err = createStarted(ctx, "fsync=off", "full_page_writes=off")
	}
	if s.err != nil {
		return "", s.err
	}
	return s.cluster.DSN(MaintenanceDatabase), nil
}

// take returns the name of a database that nobody uses, or "" if there is none.
func (s *sharedCluster) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) == 0 {
		return ""
	}
	name := s.idle[len(s.idle)-1]
	s.idle = s.idle[:len(s.idle)-1]
	return name
}

// giveBack lets another test use an empty database.
func (s *sharedCluster) giveBack(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, name)
}

func createStarted(ctx context.Context, settings ...string) (*Cluster, error) {
	c, err := Create(ctx)
	if err != nil {
		return nil, err
	}
	c.settings = settings
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Close()) //nolint:contextcheck // also when ctx has ended
	}
	return c, nil
}

// DSN returns how to connect to an empty database, which is the test's own until
// it ends. It skips the test if there is no PostgreSQL.
func DSN(tb testing.TB) string {
	tb.Helper()
	maintenance := os.Getenv(envDSN)
	isOurs := maintenance == ""
	name := ""
	if isOurs {
		var err error
		maintenance, err = shared.dsn(tb.Context())
		check(tb, err)
		name = shared.take()
	}
	if name == "" {
		name = "alertd_test_" + strings.ToLower(rand.Text())
		check(tb, execute(tb.Context(), maintenance, "create database "+pgx.Identifier{name}.Sanitize()))
	}
	database, err := withDatabase(maintenance, name)
	check(tb, err)
	tb.Cleanup(func() {
		ctx, cancel := withPatience(context.WithoutCancel(tb.Context()))
		defer cancel()
		if !isOurs {
			err = execute(ctx, maintenance, "drop database "+pgx.Identifier{name}.Sanitize()+" with (force)")
		} else if err = empty(ctx, maintenance, database, name); err == nil {
			shared.giveBack(name)
		}
		if err != nil {
			tb.Errorf("pgtest: %s", err)
		}
	})
	return database
}

// dropSchemas drops all that a test can have made in a database.
const dropSchemas = `do $$ declare name text; begin
	for name in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
		execute format('drop schema %I cascade', name);
	end loop;
	create schema public;
end $$`

// empty makes a database as good as new, for which it ends the sessions that the
// test has left. That takes a tenth of the time of a new one, which is copied.
func empty(ctx context.Context, maintenance, database, name string) error {
	err := withConnection(ctx, maintenance, func(connection *pgx.Conn) error {
		if _, err := connection.Exec(ctx, "alter database "+pgx.Identifier{name}.Sanitize()+" reset all"); err != nil {
			return err
		}
		return waitUntil(ctx, func() (bool, error) {
			ended, err := connection.Exec(ctx, "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
			return ended.RowsAffected() == 0, err
		})
	})
	if err == nil {
		err = execute(ctx, database, dropSchemas)
	}
	if err != nil {
		return fmt.Errorf("empty a database: %w", err)
	}
	return nil
}

// execute runs one statement.
func execute(ctx context.Context, dsn, statement string) error {
	err := withConnection(ctx, dsn, func(connection *pgx.Conn) error {
		_, err := connection.Exec(ctx, statement)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// withConnection opens a connection for one use.
func withConnection(ctx context.Context, dsn string, use func(*pgx.Conn) error) error {
	connection, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	return errors.Join(use(connection), connection.Close(ctx))
}

// withDatabase returns a DSN, in either form that PostgreSQL knows, with another
// database.
func withDatabase(dsn, name string) (string, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return dsn + " dbname=" + name, nil // the last one counts
	}
	parsed, err := url.Parse(dsn)
	if err != nil {
		return "", fmt.Errorf("%s is not a DSN that can be read", envDSN) // the error would show its password
	}
	parsed.Path, parsed.RawPath = "/"+name, ""
	query := parsed.Query()
	query.Del("dbname")
	parsed.RawQuery = query.Encode()
	return parsed.String(), nil
}

// StartCluster starts a cluster of the test's own, which is gone when the test
// ends. It skips the test if there is no PostgreSQL.
func StartCluster(tb testing.TB) *Cluster {
	tb.Helper()
	c, err := createStarted(tb.Context())
	check(tb, err)
	closeAtEnd(tb, c)
	return c
}

// StartStandby starts a standby of a cluster, which is gone when the test ends;
// see [Cluster.Standby].
func StartStandby(tb testing.TB, primary *Cluster) *Cluster {
	tb.Helper()
	c, err := primary.Standby(tb.Context())
	check(tb, err)
	closeAtEnd(tb, c)
	return c
}

func closeAtEnd(tb testing.TB, c *Cluster) {
	tb.Helper()
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Errorf("pgtest: close a cluster: %s", err)
		}
	})
}

// check ends the test if there is an error: one that is only skipped where it
// may be.
func check(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrNotInstalled) && !Required():
		tb.Skipf("needs a database: %s, or name a running server in %s", err, envDSN)
	default:
		tb.Fatalf("pgtest: %s", err)
	}
}
