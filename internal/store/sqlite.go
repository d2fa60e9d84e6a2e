package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"alertd/internal/alerting"
)

// sqliteDB keeps the log in one SQLite file, with a write-ahead log that is
// synced at each commit. One connection writes, others read: two of them are kept from queries.
type sqliteDB struct {
	path    string
	lock    *flock.Flock
	readers *sql.DB // for queries
	others  *sql.DB // for what alertd itself reads
	writers *sql.DB // has one connection
	files   []openedFile

	busy sync.Map // the names under which something exclusive runs

	// writing is full while somebody writes. It is a channel, so that who waits can give up.
	writing chan struct{}
	last    alerting.Seq // the last number, -1: to be asked for
	// The one connection that writes, and the statements of append on it.
	conn                    *sql.Conn
	begin, commit, rollback *sql.Stmt
	byID, byKey, insertKey  *sql.Stmt
	insertEvents            [maxEventRows]*sql.Stmt // of one row more than the index; nil: to be prepared
	args                    []any                   // of the last one of these
	prepared                *preparedStatements     // of the engine of deliveries
}

// ErrInUse says that another alertd has the SQLite file.
var ErrInUse = errors.New("another alertd uses it; only one can use an SQLite file, several share a PostgreSQL database")

func openSQLite(ctx context.Context, config Config) (database, error) {
	d := newSQLiteDB(config.Path)
	if err := os.MkdirAll(filepath.Dir(config.Path), 0o750); err != nil {
		return nil, d.explained(err)
	}
	held, err := d.lock.TryLock()
	if err == nil && !held {
		err = ErrInUse
	}
	if err != nil {
		return nil, d.explained(err)
	}
	if err := d.open(ctx, config); err != nil {
		return nil, errors.Join(d.explained(whyNotOpen(config.Path, err)), d.close())
	}
	return d, nil
}

// newSQLiteDB returns a database that has opened nothing.
func newSQLiteDB(path string) *sqliteDB {
	return &sqliteDB{path: path, lock: flock.New(path + ".lock"), writing: make(chan struct{}, 1), last: -1}
}

// whyNotOpen adds what the operating system says of a file that SQLite cannot
// open, which SQLite itself keeps to itself.
func whyNotOpen(path string, err error) error {
	known, ok := errors.AsType[*sqlite.Error](err)
	if !ok || known.Code()&0xff != sqlite3.SQLITE_CANTOPEN {
		return err
	}
	file, failed := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // G304: the operator's own choice
	if failed != nil {
		return fmt.Errorf("%w: %w", err, failed)
	}
	return errors.Join(err, file.Close())
}

func (d *sqliteDB) open(ctx context.Context, config Config) error {
	var err error
	if d.writers, err = openSQLiteFile(config, true); err != nil {
		return err
	}
	d.writers.SetMaxOpenConns(1)
	if err := d.writers.PingContext(ctx); err != nil {
		return err
	}
	if err := migrate(ctx, d.writers, SQLite); err != nil {
		return err
	}
	if d.conn, err = d.writers.Conn(ctx); err != nil {
		return err
	}
	d.prepared = &preparedStatements{conn: d.conn, known: map[string]*sql.Stmt{}}
	if d.files, err = statAll(config.Path, config.Path+"-wal"); err != nil {
		return err
	}
	if d.readers, err = openSQLiteReaders(config, 8); err != nil {
		return err
	}
	if d.others, err = openSQLiteReaders(config, 2); err != nil {
		return err
	}
	queries := newQueries(d.dialect())
	for _, statement := range []struct {
		into **sql.Stmt
		text string
	}{
		{&d.begin, `BEGIN IMMEDIATE`},
		{&d.commit, `COMMIT`},
		{&d.rollback, `ROLLBACK`},
		{&d.byID, queries.byID},
		{&d.byKey, queries.byKey},
		{&d.insertKey, `INSERT INTO idempotency_keys (key, event_id, at) VALUES (?, ?, ` + d.dialect().Now + `)
			ON CONFLICT (key) DO UPDATE SET event_id = excluded.event_id, at = excluded.at`},
	} {
		if *statement.into, err = d.conn.PrepareContext(ctx, statement.text); err != nil { //nolint:sqlclosecheck // close does
			return err
		}
	}
	return nil
}

// openSQLiteFile returns connections to a file that are made when they are needed. They
// do not map it into memory, where a read error would end the process.
func openSQLiteFile(config Config, write bool) (*sql.DB, error) {
	// Less than the timeout, so that the error says what was waited for.
	busy := fmt.Sprintf("busy_timeout(%d)", min(config.Timeout/4, 5*time.Second).Milliseconds())
	options := url.Values{"_pragma": {
		busy, "auto_vacuum(incremental)", "journal_mode(wal)", "synchronous(full)",
		"journal_size_limit(67108864)", "wal_autocheckpoint(2000)", "cache_size(-16384)",
	}, "_txlock": {"immediate"}}
	if !write {
		options = url.Values{"mode": {"ro"}, "_pragma": {busy, "query_only(true)", "cache_size(-16384)"}}
	}
	return sql.Open("sqlite", sqliteURI(config.Path, options))
}

// openSQLiteReaders returns up to so many connections that cannot write.
func openSQLiteReaders(config Config, most int) (*sql.DB, error) {
	pool, err := openSQLiteFile(config, false)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(most)
	pool.SetMaxIdleConns(most)
	return pool, nil
}

func sqliteURI(path string, options url.Values) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + options.Encode()
}

// openedFile is a file that alertd has open.
type openedFile struct {
	path string
	info os.FileInfo
}

func statAll(paths ...string) ([]openedFile, error) {
	files := make([]openedFile, 0, len(paths))
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		files = append(files, openedFile{path, info})
	}
	return files, nil
}

// errReplaced says that what is written now would be lost with the process.
var errReplaced = errors.New("the database file was removed or replaced while it was in use")

// inPlace makes sure that the files are still those that were opened.
func (d *sqliteDB) inPlace() error {
	for _, file := range d.files {
		if now, err := os.Stat(file.path); err != nil || !os.SameFile(now, file.info) {
			return fmt.Errorf("%s: %w", file.path, errReplaced)
		}
	}
	return nil
}

func (d *sqliteDB) read() *sql.DB { return d.readers }

func (d *sqliteDB) upkeep() *sql.DB { return d.others }

func (d *sqliteDB) dialect() Dialect {
	return Dialect{
		Rebind: func(query string) string { return query },
		AnyOf:  `IN (SELECT value FROM json_each(?))`,
		List: func(numbers []int64) any {
			text, _ := json.Marshal(append([]int64{}, numbers...)) // numbers encode
			return string(text)
		},
		Values:  `json_each(?) AS v`,
		AnyText: `IN (SELECT value FROM json_each(?))`,
		Texts: func(texts []string) any {
			text, _ := json.Marshal(append([]string{}, texts...)) // texts encode
			return string(text)
		},
		AnyID: `IN (SELECT unhex(value, '-') FROM json_each(?))`,
		IDs: func(ids []alerting.EventID) any {
			text, _ := json.Marshal(idTexts(ids)) // texts encode
			return string(text)
		},
		Pairs: func(first, second []int64) (string, []any) {
			rows := make([][2]int64, len(first))
			for i := range first {
				rows[i] = [2]int64{first[i], second[i]}
			}
			text, _ := json.Marshal(rows) // numbers encode
			return `SELECT value ->> 0, value ->> 1 FROM json_each(?)`, []any{string(text)}
		},
		Now: `CAST(unixepoch('subsec') * 1000000 AS INTEGER)`,
		ID:  func(id alerting.EventID) any { return id[:] },
	}
}

// take waits until nobody else writes. The caller then calls give.
func (d *sqliteDB) take(ctx context.Context) error {
	select {
	case d.writing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil { // both may be
		d.give()
		return err
	}
	return nil
}

func (d *sqliteDB) give() { <-d.writing }

// write implements database. What has begun goes on to its end: database/sql rolls a
// transaction back whenever its context ends, even after this has returned, and
// the connection is that of append.
func (d *sqliteDB) write(ctx context.Context, upkeep func(ctx context.Context, tx *sql.Tx) error) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.give()
	if err := d.inPlace(); err != nil {
		return err
	}
	return inTransaction(context.WithoutCancel(ctx), d.conn, nil, upkeep)
}

// beginner is an [*sql.DB] or an [*sql.Conn].
type beginner interface {
	BeginTx(ctx context.Context, options *sql.TxOptions) (*sql.Tx, error)
}

// inTransaction runs f in a transaction, which is committed if f returns nil.
func inTransaction(ctx context.Context, db beginner, options *sql.TxOptions, f func(ctx context.Context, tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, options)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit; what went wrong is said already
	if err := f(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// exclusive implements database. There are no replicas, but upkeep may be
// asked for while it is under way.
func (d *sqliteDB) exclusive(ctx context.Context, name string, f func(ctx context.Context) error) (bool, error) {
	if _, busy := d.busy.LoadOrStore(name, true); busy {
		return false, nil
	}
	defer d.busy.Delete(name)
	return true, f(ctx)
}

// giveBack implements database: it cuts free pages off the file, a few at a time, so
// that ingest can come between. It ends once that changes nothing, as in a file
// that another program made without auto_vacuum. The file is as short as it says
// only once the write-ahead log was copied into it.
func (d *sqliteDB) giveBack(ctx context.Context) error {
	var before int
	for {
		var free int
		if err := d.readers.QueryRowContext(ctx, `PRAGMA freelist_count`).Scan(&free); err != nil {
			return fmt.Errorf("give back space: %w", err)
		}
		if free == 0 || free == before {
			break
		}
		if err := d.runPragma(ctx, `PRAGMA incremental_vacuum(500)`); err != nil {
			return err
		}
		before = free
	}
	if before == 0 {
		return nil
	}
	return d.runPragma(ctx, `PRAGMA wal_checkpoint(PASSIVE)`)
}

// runPragma runs one that does its work as its rows are read, to its end.
func (d *sqliteDB) runPragma(ctx context.Context, pragma string) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.give()
	rows, err := d.conn.QueryContext(context.WithoutCancel(ctx), pragma)
	if err != nil {
		return fmt.Errorf("give back space: %w", err)
	}
	for rows.Next() { // each step frees a page
	}
	return errors.Join(rows.Err(), rows.Close()) //nolint:sqlclosecheck // nothing comes between
}

// follow implements database: there are no replicas.
func (d *sqliteDB) follow(context.Context, func(), func()) error { return nil }

// lostConnection implements database: there is no network to lose one.
func (d *sqliteDB) lostConnection(error) bool { return false }

// living implements database.
func (d *sqliteDB) living(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	return db.Conn(ctx)
}

// explain implements database.
func (d *sqliteDB) explain(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the database does not answer in time"
	}
	if errors.Is(err, errReplaced) {
		return errReplaced.Error() + "; put it back, or start alertd again"
	}
	known, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return ""
	}
	switch known.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return "the disk is full"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return "the database is read-only"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return "the database file is damaged or is none; restore a backup"
	case sqlite3.SQLITE_IOERR:
		return "the disk reports an error"
	case sqlite3.SQLITE_CANTOPEN:
		return "the database file cannot be opened"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "the database is locked by another program"
	case sqlite3.SQLITE_NOMEM:
		return "there is not enough memory"
	}
	return "the database does not work"
}

// explained implements database.
func (d *sqliteDB) explained(err error) error {
	if reason := d.explain(err); reason != "" {
		err = fmt.Errorf("%s: %w", reason, err)
	}
	return fmt.Errorf("open database %s: %w", d.path, err)
}

func (d *sqliteDB) close() error {
	var errs []error
	for _, statement := range append([]*sql.Stmt{
		d.begin, d.commit, d.rollback, d.byID, d.byKey, d.insertKey,
	}, d.insertEvents[:]...) { // one that is left would keep the file open
		if statement != nil {
			errs = append(errs, statement.Close())
		}
	}
	if d.prepared != nil {
		errs = append(errs, d.prepared.close())
	}
	if d.conn != nil {
		errs = append(errs, d.conn.Close())
	}
	for _, pool := range []*sql.DB{d.readers, d.others, d.writers} { // the last one truncates the write-ahead log
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(append(errs, d.lock.Unlock())...)
}
