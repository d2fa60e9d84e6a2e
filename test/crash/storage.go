package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver of that name

	"alertd/internal/pgtest"
)

// storage is the database under alertd.
type storage interface {
	// config returns the keys of alertd's table [storage].
	config() string
	// settle waits until nothing is under way that a killed alertd has begun.
	settle(ctx context.Context) error
	// tally queries the database directly, and checks its integrity.
	tally(ctx context.Context) (tally, error)
	// offline reports whether tally needs that no alertd runs.
	offline() bool
	close() error
}

const tallyQuery = "select count(*), count(distinct event_id), coalesce(max(seq), 0) from events"

// sqliteFile is a database of SQLite.
type sqliteFile struct{ path string }

func (s sqliteFile) config() string             { return fmt.Sprintf("driver = \"sqlite\"\npath = %q", s.path) }
func (sqliteFile) settle(context.Context) error { return nil }
func (sqliteFile) offline() bool                { return true }
func (sqliteFile) close() error                 { return nil }

// tally reads a copy: SQLite recovers a database when it is opened after a crash, and that
// must be left to alertd.
func (s sqliteFile) tally(ctx context.Context) (t tally, err error) {
	directory, err := os.MkdirTemp(filepath.Dir(s.path), "copy-")
	if err != nil {
		return tally{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	copied := filepath.Join(directory, filepath.Base(s.path))
	if err := errors.Join(copyFile(s.path, copied), copyFile(s.path+"-wal", copied+"-wal")); err != nil {
		return tally{}, err
	}
	database, err := sql.Open("sqlite", copied)
	if err != nil {
		return tally{}, err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	var verdict string // or the first of several problems
	if err := database.QueryRowContext(ctx, "pragma integrity_check").Scan(&verdict); err != nil {
		return tally{}, fmt.Errorf("check %s: %w", s.path, err)
	}
	if verdict != "ok" {
		return tally{}, fmt.Errorf("PRAGMA integrity_check of %s: %s", s.path, verdict)
	}
	err = database.QueryRowContext(ctx, tallyQuery).Scan(&t.events, &t.ids, &t.lastSeq)
	if err != nil {
		return tally{}, fmt.Errorf("count the events in %s: %w", s.path, err)
	}
	return t, nil
}

// copyFile copies a file if it exists.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // it was only read
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// postgresServer is a PostgreSQL server of the campaign.
type postgresServer struct{ cluster *pgtest.Cluster }

func startPostgres(ctx context.Context) (*postgresServer, error) {
	cluster, err := pgtest.Create(ctx)
	if err != nil {
		return nil, err
	}
	if err := cluster.Start(ctx); err != nil {
		return nil, errors.Join(err, cluster.Close()) //nolint:contextcheck // also when ctx has ended
	}
	return &postgresServer{cluster}, nil
}

func (p *postgresServer) config() string {
	return fmt.Sprintf("driver = \"postgres\"\ndsn = %q", p.cluster.DSN(pgtest.MaintenanceDatabase))
}

func (p *postgresServer) offline() bool { return false }
func (p *postgresServer) close() error  { return p.cluster.Close() }

// settle waits until every other session is idle: PostgreSQL finishes the statements of
// clients that have died.
func (p *postgresServer) settle(ctx context.Context) error {
	return waitUntil(ctx, func() (bool, error) {
		var idle bool
		err := p.query(ctx, `select not exists (select from pg_stat_activity
			where backend_type = 'client backend' and pid <> pg_backend_pid() and state <> 'idle')`, &idle)
		return idle, err
	})
}

func (p *postgresServer) tally(ctx context.Context) (t tally, err error) {
	err = p.query(ctx, tallyQuery, &t.events, &t.ids, &t.lastSeq)
	return t, err
}

func (p *postgresServer) query(ctx context.Context, query string, into ...any) error {
	connection, err := pgx.Connect(ctx, p.cluster.DSN(pgtest.MaintenanceDatabase))
	if err != nil {
		return err
	}
	return errors.Join(connection.QueryRow(ctx, query).Scan(into...), connection.Close(ctx))
}
