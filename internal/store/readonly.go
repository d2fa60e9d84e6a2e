package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"alertd/internal/alerting"
)

// ErrNoDatabase says that there is no SQLite file yet, or none at that place.
var ErrNoDatabase = errors.New("there is no such database; alertd makes it when it starts")

// errNoLog says that a database is there and is not alertd's, or not yet.
var errNoLog = errors.New("there is no event log in it")

// errOlderSchema says that the database is of an earlier alertd.
var errOlderSchema = errors.New("run alertd migrate first, or start this alertd, which does so too")

// Reader reads an event log while an alertd may be writing to it. It takes no
// lock that an alertd would wait for and changes nothing. Safe for concurrent use.
type Reader struct{ store *Store }

// OpenReadOnly opens a database that is there and has the schema of this alertd.
// The error is for the user; it holds no secrets.
func OpenReadOnly(ctx context.Context, config Config) (*Reader, error) {
	s, err := open(ctx, config, openToRead)
	if err != nil {
		return nil, err
	}
	return &Reader{s}, nil
}

// Extent is [Store.Extent].
func (r *Reader) Extent(ctx context.Context) (alerting.Extent, error) { return r.store.Extent(ctx) }

// After is [Store.After].
func (r *Reader) After(ctx context.Context, after alerting.Seq, filter alerting.Filter) (alerting.Stretch, error) {
	return r.store.After(ctx, after, filter)
}

// Close closes the database.
func (r *Reader) Close() error { return r.store.Close() }

// openToRead returns a database that is only read.
func openToRead(ctx context.Context, config Config) (database, error) {
	d, err := connectToRead(config)
	if err != nil {
		return nil, err
	}
	schema, err := readSchema(ctx, d.read(), config.Driver)
	switch {
	case err != nil:
	case schema.Version == 0:
		err = errNoLog
	case schema.Pending():
		err = fmt.Errorf("schema version %d is older than %d: %w", schema.Version, schema.Newest, errOlderSchema)
	}
	if err != nil {
		return nil, errors.Join(d.explained(err), d.close())
	}
	return d, nil
}

// connectToRead is openToRead without a look at the schema.
func connectToRead(config Config) (database, error) {
	config = config.withDefaults()
	switch config.Driver {
	case SQLite:
		return connectSQLiteToRead(config)
	case Postgres:
		d, err := connectPostgres(config, nil)
		if err != nil {
			return nil, err
		}
		return d, nil
	default:
		return nil, unknownDriver(config)
	}
}

// sqliteReader is a database without the lock and the connection that writes.
type sqliteReader struct{ *sqliteDB }

func (d sqliteReader) upkeep() *sql.DB { return d.readers }

func connectSQLiteToRead(config Config) (database, error) {
	d := sqliteReader{newSQLiteDB(config.Path)}
	if _, err := os.Stat(config.Path); errors.Is(err, fs.ErrNotExist) {
		return nil, d.explained(ErrNoDatabase)
	}
	var err error
	if d.readers, err = openSQLiteFile(config, false); err != nil {
		return nil, d.explained(err)
	}
	return d, nil
}

// explained implements database.
func (d sqliteReader) explained(err error) error {
	if known, ok := errors.AsType[*sqlite.Error](err); ok && known.Code()&0xff == sqlite3.SQLITE_READONLY {
		return fmt.Errorf("open database %s: this user may not write beside it, which SQLite does to read it; "+
			"do this as alertd's user, or while alertd runs: %w", d.path, err)
	}
	return d.sqliteDB.explained(err)
}
