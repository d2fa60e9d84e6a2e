package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
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
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, fmt.Errorf("migrate schema: %w", err)
		}
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
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
