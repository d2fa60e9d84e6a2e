package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"alertd/internal/store"
)

// connect opens a database beside alertd.
func connect(tb testing.TB, config store.Config) *sql.DB {
	tb.Helper()
	driver, name := "pgx", config.DSN
	if config.Driver == store.SQLite {
		driver, name = "sqlite", "file:"+config.Path+"?_pragma=busy_timeout(20000)"
	}
	db, err := sql.Open(driver, name)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

// setSchemaVersion makes a database one of another alertd.
func setSchemaVersion(tb testing.TB, config store.Config, version int64) {
	tb.Helper()
	db := connect(tb, config)
	_, err := db.ExecContext(tb.Context(), `DELETE FROM goose_db_version WHERE version_id > 0`)
	require.NoError(tb, err)
	insert := `INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)`
	if config.Driver == store.Postgres {
		insert = `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)`
	}
	_, err = db.ExecContext(tb.Context(), insert, version)
	require.NoError(tb, err)
}

// newest returns the newest version of the schema.
func newest(tb testing.TB, config store.Config) int64 {
	tb.Helper()
	schema, err := store.CheckSchema(tb.Context(), config)
	require.NoError(tb, err)
	require.Positive(tb, schema.Newest)
	return schema.Newest
}

func tables(tb testing.TB, config store.Config) int {
	tb.Helper()
	count := `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`
	if config.Driver == store.SQLite {
		count = `SELECT count(*) FROM sqlite_schema`
	}
	var n int
	require.NoError(tb, connect(tb, config).QueryRowContext(tb.Context(), count).Scan(&n))
	return n
}

func TestTheSchemaIsCheckedWithoutAChange(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, config store.Config) {
		schema, err := store.CheckSchema(t.Context(), config)
		require.NoError(t, err)
		require.Zero(t, schema.Version)
		require.True(t, schema.Pending())
		if config.Driver == store.SQLite {
			require.Empty(t, filesIn(t, filepath.Dir(config.Path)))
			require.NoError(t, os.WriteFile(config.Path, nil, 0o600)) // as of one that is empty
			schema, err = store.CheckSchema(t.Context(), config)
			require.NoError(t, err)
			require.True(t, schema.Pending())
		}
		require.Zero(t, tables(t, config))

		before, err := store.Migrate(t.Context(), config)
		require.NoError(t, err)
		require.Equal(t, schema, before)
		source := startStore(t, config) // while it runs, too
		source.register(1)
		schema, err = store.CheckSchema(t.Context(), config)
		require.NoError(t, err)
		require.Equal(t, store.Schema{Version: schema.Newest, Newest: schema.Newest}, schema)
		require.False(t, schema.Pending())
		again, err := store.Migrate(t.Context(), config)
		require.NoError(t, err)
		require.Equal(t, schema, again)
	})
}

func TestASchemaThatIsNewerIsRefusedAndLeftAlone(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, config store.Config) {
		startStore(t, config).stop()
		known := newest(t, config)
		setSchemaVersion(t, config, known+1)
		before := tables(t, config)
		attempts := map[string]func() error{
			"open": func() error { _, err := store.Open(t.Context(), config); return err },
			"read": func() error { _, err := store.OpenReadOnly(t.Context(), config); return err },
			"check": func() error {
				schema, err := store.CheckSchema(t.Context(), config)
				require.Equal(t, schema.Newest+1, schema.Version)
				return err
			},
			"migrate": func() error { _, err := store.Migrate(t.Context(), config); return err },
		}
		if config.Driver == store.SQLite {
			attempts["backup"] = func() error {
				_, err := store.Backup(t.Context(), config, filepath.Join(t.TempDir(), "copy.db"))
				return err
			}
		}
		for name, attempt := range attempts {
			require.ErrorContains(t, attempt(), fmt.Sprintf("schema version %d is newer than %d: the database is of a newer alertd; use that one, or restore a backup of before", known+1, known), name)
		}
		require.Equal(t, before, tables(t, config))
	})
}
