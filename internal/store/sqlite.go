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
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"alertd/internal/alerting"
)

// insertRows are how many rows of insertColumns values one INSERT statement takes: as
// many as fit, then the rest one by one.
const (
	insertRows    = 16
	insertColumns = 5
)

// sqliteEngine keeps the log in one SQLite file, with a write-ahead log that is
// synced at each commit. One connection writes, several read.
type sqliteEngine struct {
	path    string
	lock    *flock.Flock
	readers *sql.DB
	writers *sql.DB // has one connection
	files   []openedFile

	busy sync.Map // the names under which something exclusive runs

	mu   sync.Mutex   // held while writing
	last alerting.Seq // the last number, -1: to be asked for
	// The one connection that writes, and the statements of append on it.
	conn                                          *sql.Conn
	begin, commit, rollback                       *sql.Stmt
	insertOne, insertMany, byID, byKey, insertKey *sql.Stmt
	prepared                                      *preparedStatements // of the engine of deliveries
}

// ErrInUse says that another alertd has the SQLite file.
var ErrInUse = errors.New("another alertd uses it; only one can use an SQLite file, several share a PostgreSQL database")

func openSQLite(ctx context.Context, config Config) (engine, error) {
	e := newSQLiteEngine(config.Path)
	if err := os.MkdirAll(filepath.Dir(config.Path), 0o750); err != nil {
		return nil, e.explained(err)
	}
	held, err := e.lock.TryLock()
	if err == nil && !held {
		err = ErrInUse
	}
	if err != nil {
		return nil, e.explained(err)
	}
	if err := e.open(ctx, config); err != nil {
		return nil, errors.Join(e.explained(whyNotOpen(config.Path, err)), e.close())
	}
	return e, nil
}

// newSQLiteEngine returns an engine that has opened nothing.
func newSQLiteEngine(path string) *sqliteEngine {
	return &sqliteEngine{path: path, lock: flock.New(path + ".lock"), last: -1}
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

func (e *sqliteEngine) open(ctx context.Context, config Config) error {
	var err error
	if e.writers, err = openSQLiteFile(config, true); err != nil {
		return err
	}
	e.writers.SetMaxOpenConns(1)
	if err := e.writers.PingContext(ctx); err != nil {
		return err
	}
	if err := migrate(ctx, e.writers, SQLite); err != nil {
		return err
	}
	if e.conn, err = e.writers.Conn(ctx); err != nil {
		return err
	}
	e.prepared = &preparedStatements{conn: e.conn, known: map[string]*sql.Stmt{}}
	if e.files, err = statAll(config.Path, config.Path+"-wal"); err != nil {
		return err
	}
	if e.readers, err = openSQLiteFile(config, false); err != nil {
		return err
	}
	e.readers.SetMaxOpenConns(8)
	e.readers.SetMaxIdleConns(8)
	queries := newQueries(e.dialect())
	const insert = `INSERT INTO events (seq, event_id, received, json, dispatch) VALUES (?, ?, ?, ?, ?)`
	for _, statement := range []struct {
		into **sql.Stmt
		text string
	}{
		{&e.begin, `BEGIN IMMEDIATE`},
		{&e.commit, `COMMIT`},
		{&e.rollback, `ROLLBACK`},
		{&e.insertOne, insert},
		{&e.insertMany, insert + strings.Repeat(`, (?, ?, ?, ?, ?)`, insertRows-1)},
		{&e.byID, queries.byID},
		{&e.byKey, queries.byKey},
		{&e.insertKey, `INSERT INTO idempotency_keys (key, event_id, at) VALUES (?, ?, ` + e.dialect().now + `)
			ON CONFLICT (key) DO UPDATE SET event_id = excluded.event_id, at = excluded.at`},
	} {
		if *statement.into, err = e.conn.PrepareContext(ctx, statement.text); err != nil { //nolint:sqlclosecheck // close does
			return err
		}
	}
	return nil
}

// openSQLiteFile returns connections to a file, of which none is made yet. They
// do not map it into memory: what cannot be read there ends the process.
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

func sqliteURI(path string, options url.Values) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + options.Encode()
}

// openedFile is a file that the engine has open.
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
func (e *sqliteEngine) inPlace() error {
	for _, file := range e.files {
		if now, err := os.Stat(file.path); err != nil || !os.SameFile(now, file.info) {
			return fmt.Errorf("%s: %w", file.path, errReplaced)
		}
	}
	return nil
}

func (e *sqliteEngine) read() *sql.DB { return e.readers }

// upkeep implements engine: ingest has nothing to read, as nobody else appends.
func (e *sqliteEngine) upkeep() *sql.DB { return e.readers }

func (e *sqliteEngine) dialect() dialect {
	return dialect{
		rebind: func(query string) string { return query },
		anyOf:  `IN (SELECT value FROM json_each(?))`,
		list: func(numbers []int64) any {
			text, _ := json.Marshal(append([]int64{}, numbers...)) // numbers encode
			return string(text)
		},
		values:  `json_each(?) AS v`,
		anyText: `IN (SELECT value FROM json_each(?))`,
		texts: func(texts []string) any {
			text, _ := json.Marshal(append([]string{}, texts...)) // texts encode
			return string(text)
		},
		pairs: func(first, second []int64) (string, []any) {
			rows := make([][2]int64, len(first))
			for i := range first {
				rows[i] = [2]int64{first[i], second[i]}
			}
			text, _ := json.Marshal(rows) // numbers encode
			return `SELECT value ->> 0, value ->> 1 FROM json_each(?)`, []any{string(text)}
		},
		now: `CAST(unixepoch('subsec') * 1000000 AS INTEGER)`,
		id:  func(id alerting.EventID) any { return id[:] },
	}
}

// append implements engine. A commit that fails is undone by SQLite itself or by
// the rollback, so that its outcome is known: it came to nothing. It cannot be
// interrupted, as nothing in it waits for anyone but the disk.
func (e *sqliteEngine) append(ctx context.Context, drafts []*alerting.Draft, expect func([]placed)) (places []placed, err error) {
	ctx = context.WithoutCancel(ctx) // else the driver starts a goroutine for each statement
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.inPlace(); err != nil {
		return nil, err
	}
	if _, err := e.begin.ExecContext(ctx); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer func() {
		if err != nil {
			e.last = -1
			_, _ = e.rollback.ExecContext(ctx) // what went wrong is said already
		}
	}()
	if e.last < 0 {
		if err := e.conn.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM events`).Scan(&e.last); err != nil {
			return nil, fmt.Errorf("read last number: %w", err)
		}
	}
	places, err = e.place(ctx, drafts)
	if err != nil {
		return nil, err
	}
	if err := e.insert(ctx, drafts, places); err != nil {
		return nil, err
	}
	if len(drafts) == 0 {
		if _, err := e.conn.ExecContext(ctx, newQueries(e.dialect()).probe); err != nil {
			return nil, fmt.Errorf("probe: %w", err)
		}
	}
	expect(places)
	if _, err := e.commit.ExecContext(ctx); err != nil {
		return nil, fmt.Errorf("commit %d events: %w", len(drafts), err)
	}
	return places, nil
}

// place numbers the drafts that are new, and finds the first events of the others.
func (e *sqliteEngine) place(ctx context.Context, drafts []*alerting.Draft) ([]placed, error) {
	batch := newBatch(drafts, e.last)
	for i, draft := range drafts {
		first, err := e.known(ctx, draft)
		if err != nil {
			return nil, fmt.Errorf("look for known ids: %w", err)
		}
		batch.place(i, first)
	}
	e.last = batch.last
	return batch.places, nil
}

// known returns the event that was registered with the draft's id or idempotency
// key, or nil.
func (e *sqliteEngine) known(ctx context.Context, draft *alerting.Draft) (*alerting.Event, error) {
	if draft.IDGiven() {
		id := draft.ID()
		if first, err := knownAs(e.byID.QueryRowContext(ctx, id[:])); first != nil || err != nil {
			return first, err
		}
	}
	if key := draft.IdempotencyKey(); key != "" {
		return knownAs(e.byKey.QueryRowContext(ctx, key, keyLifetime.Microseconds()))
	}
	return nil, nil
}

// knownAs returns the event in a row, nil if there is no row.
func knownAs(row *sql.Row) (*alerting.Event, error) {
	var kept keptEvent
	if err := row.Scan(&kept.seq, &kept.json); errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return kept.load()
}

func (e *sqliteEngine) insert(ctx context.Context, drafts []*alerting.Draft, places []placed) error {
	args := make([]any, 0, insertColumns*insertRows)
	for i, draft := range drafts {
		if places[i].seq == 0 {
			continue
		}
		event := draft.Finish(places[i].seq)
		id := event.ID()
		args = append(args, places[i].seq, id[:], event.ReceivedAt().UnixMicro(), event.JSON(), number(draft.Dispatch()))
		places[i].event = event
		if len(args) == cap(args) {
			if _, err := e.insertMany.ExecContext(ctx, args...); err != nil {
				return fmt.Errorf("insert events: %w", err)
			}
			args = args[:0]
		}
		if draft.IdempotencyKey() != "" {
			if _, err := e.insertKey.ExecContext(ctx, draft.IdempotencyKey(), id[:]); err != nil {
				return fmt.Errorf("insert idempotency key: %w", err)
			}
		}
	}
	for ; len(args) > 0; args = args[insertColumns:] {
		if _, err := e.insertOne.ExecContext(ctx, args[:insertColumns]...); err != nil {
			return fmt.Errorf("insert event: %w", err)
		}
	}
	return nil
}

// committed implements engine. It is never asked; see append.
func (e *sqliteEngine) committed(context.Context, *alerting.Event) (bool, error) { return false, nil }

// write implements engine. What has begun goes on to its end: database/sql rolls a
// transaction back whenever its context ends, even after this has returned, and
// the connection is that of append.
func (e *sqliteEngine) write(ctx context.Context, upkeep func(ctx context.Context, tx *sql.Tx) error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := e.inPlace(); err != nil {
		return err
	}
	return inTransaction(context.WithoutCancel(ctx), e.conn, nil, upkeep)
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

// exclusive implements engine. There are no replicas, but whoever asks for upkeep
// may come while it is done anyway.
func (e *sqliteEngine) exclusive(ctx context.Context, name string, f func(ctx context.Context) error) (bool, error) {
	if _, busy := e.busy.LoadOrStore(name, true); busy {
		return false, nil
	}
	defer e.busy.Delete(name)
	return true, f(ctx)
}

// giveBack implements engine: it cuts free pages off the file, a few at a time, so
// that ingest can come between. It ends once that changes nothing, as in a file
// that another program made without auto_vacuum. The file is as short as it says
// only once the write-ahead log was copied into it.
func (e *sqliteEngine) giveBack(ctx context.Context) error {
	var before int
	for {
		var free int
		if err := e.readers.QueryRowContext(ctx, `PRAGMA freelist_count`).Scan(&free); err != nil {
			return fmt.Errorf("give back space: %w", err)
		}
		if free == 0 || free == before {
			break
		}
		if err := e.runPragma(ctx, `PRAGMA incremental_vacuum(500)`); err != nil {
			return err
		}
		before = free
	}
	if before == 0 {
		return nil
	}
	return e.runPragma(ctx, `PRAGMA wal_checkpoint(PASSIVE)`)
}

// runPragma runs one that does its work as its rows are read, to its end.
func (e *sqliteEngine) runPragma(ctx context.Context, pragma string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	rows, err := e.conn.QueryContext(context.WithoutCancel(ctx), pragma)
	if err != nil {
		return fmt.Errorf("give back space: %w", err)
	}
	for rows.Next() { // each step frees a page
	}
	return errors.Join(rows.Err(), rows.Close()) //nolint:sqlclosecheck // nothing comes between
}

// follow implements engine: there are no replicas.
func (e *sqliteEngine) follow(context.Context, func()) error { return nil }

// lostConnection implements engine: there is no network to lose one.
func (e *sqliteEngine) lostConnection(error) bool { return false }

// living implements engine.
func (e *sqliteEngine) living(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	return db.Conn(ctx)
}

// explain implements engine.
func (e *sqliteEngine) explain(err error) string {
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

// explained implements engine.
func (e *sqliteEngine) explained(err error) error {
	if reason := e.explain(err); reason != "" {
		err = fmt.Errorf("%s: %w", reason, err)
	}
	return fmt.Errorf("open database %s: %w", e.path, err)
}

func (e *sqliteEngine) close() error {
	var errs []error
	for _, statement := range []*sql.Stmt{
		e.begin, e.commit, e.rollback, e.insertOne, e.insertMany, e.byID, e.byKey, e.insertKey,
	} { // one that is left would keep the file open
		if statement != nil {
			errs = append(errs, statement.Close())
		}
	}
	if e.prepared != nil {
		errs = append(errs, e.prepared.close())
	}
	if e.conn != nil {
		errs = append(errs, e.conn.Close())
	}
	for _, db := range []*sql.DB{e.readers, e.writers} { // the last one truncates the write-ahead log
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(append(errs, e.lock.Unlock())...)
}
