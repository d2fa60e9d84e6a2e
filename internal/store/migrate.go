package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// migrate brings the schema up to date. Who calls it has the database for
// itself, or the provider takes a lock.
func migrate(ctx context.Context, db *sql.DB, driver string) error {
	provider, err := newProvider(db, driver)
	if err != nil {
		return err
	}
	if _, err := checkSchema(ctx, provider); err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate schema: %w", err)
	}
	return nil
}

func newProvider(db *sql.DB, driver string) (*goose.Provider, error) {
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if driver == Postgres {
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(migrationLock{}))
	}
	files, err := fs.Sub(migrations, "migrations/"+driver)
	if err != nil {
		return nil, fmt.Errorf("migrate schema: %w", err)
	}
	provider, err := goose.NewProvider(dialect, db, files, options...)
	if err != nil {
		return nil, fmt.Errorf("migrate schema: %w", err)
	}
	return provider, nil
}

// migrationLock lets replicas that start together migrate one after the other.
// goose's own asks every few seconds. It does not wait in the database, as a
// statement there would hold up an index that is built concurrently.
type migrationLock struct{}

// SessionLock implements lock.SessionLocker.
func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	for wait := newBackoff(); ; {
		var locked bool
		if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1, $2)`, lockSpace, lockMigrate).Scan(&locked); err != nil || locked {
			return err
		}
		if !wait.sleep(ctx) {
			return ctx.Err()
		}
	}
}

// SessionUnlock implements lock.SessionLocker.
func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1, $2)`, lockSpace, lockMigrate)
	return err
}

// Schema is the version of a database's schema and the newest that this alertd
// knows.
type Schema struct{ Version, Newest int64 }

// errNewerSchema says that the database is of a later alertd.
var errNewerSchema = errors.New("the database is of a newer alertd; use that one, or restore a backup of before")

func checkSchema(ctx context.Context, provider *goose.Provider) (Schema, error) {
	sources := provider.ListSources()
	schema := Schema{Newest: sources[len(sources)-1].Version}
	var err error
	if schema.Version, err = provider.GetDBVersion(ctx); err != nil {
		return schema, fmt.Errorf("read schema version: %w", err)
	}
	if schema.Version > schema.Newest {
		return schema, fmt.Errorf("schema version %d is newer than %d: %w", schema.Version, schema.Newest, errNewerSchema)
	}
	return schema, nil
}
