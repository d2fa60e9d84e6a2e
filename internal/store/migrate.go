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
	if _, err := readSchema(ctx, db, driver); err != nil {
		return err
	}
	provider, err := newProvider(db, driver)
	if err != nil {
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

// Schema is the version of a database's schema, 0 if it has none yet, and the
// newest version that this alertd knows.
type Schema struct{ Version, Newest int64 }

// Pending reports whether there are migrations to run.
func (s Schema) Pending() bool { return s.Version < s.Newest }

// errNewerSchema says that the database is of a later alertd.
var errNewerSchema = errors.New("the database is of a newer alertd; use that one, or restore a backup of before")

// readSchema reads the version and writes nothing, other than goose, which makes
// its table first.
func readSchema(ctx context.Context, db *sql.DB, driver string) (schema Schema, err error) {
	if schema.Newest, err = newestVersion(driver); err != nil {
		return schema, err
	}
	exists := `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '` + goose.DefaultTablename + `')`
	if driver == Postgres {
		exists = `SELECT to_regclass('` + goose.DefaultTablename + `') IS NOT NULL`
	}
	var some bool
	err = db.QueryRowContext(ctx, exists).Scan(&some)
	if err == nil && some {
		err = db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM `+goose.DefaultTablename).Scan(&schema.Version)
	}
	switch {
	case err != nil:
		return Schema{}, fmt.Errorf("read schema version: %w", err)
	case schema.Version > schema.Newest:
		return schema, fmt.Errorf("schema version %d is newer than %d: %w", schema.Version, schema.Newest, errNewerSchema)
	}
	return schema, nil
}

// newestVersion returns the version of the last migration.
func newestVersion(driver string) (int64, error) {
	files, err := migrations.ReadDir("migrations/" + driver) // in their order
	if err != nil {
		return 0, fmt.Errorf("read migrations: %w", err)
	}
	version, err := goose.NumericComponent(files[len(files)-1].Name())
	if err != nil {
		return 0, fmt.Errorf("read migrations: %w", err)
	}
	return version, nil
}

// Migrate brings the schema up to date, as [Open] does, and returns what it was
// before. On PostgreSQL other replicas may be running.
func Migrate(ctx context.Context, config Config) (Schema, error) {
	before, err := CheckSchema(ctx, config)
	if err != nil || !before.Pending() {
		return before, err
	}
	s, err := Open(ctx, config)
	if err != nil {
		return before, err
	}
	return before, s.Close()
}

// CheckSchema tells how the schema stands, and changes nothing; an alertd may be
// running. A schema that is newer than this alertd is an error; on any other the
// schema is zero.
func CheckSchema(ctx context.Context, config Config) (schema Schema, err error) {
	e, err := connectToRead(config)
	if errors.Is(err, ErrNoDatabase) {
		schema.Newest, err = newestVersion(config.Driver)
		return schema, err
	}
	if err != nil {
		return schema, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	if schema, err = readSchema(ctx, e.read(), config.Driver); err != nil {
		return schema, e.explained(err)
	}
	return schema, nil
}
