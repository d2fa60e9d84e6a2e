package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"alertd/internal/alerting"
)

// engineCursor is the name of the engine's place in the log.
const engineCursor = "engine"

// Tx is a transaction of the engine: what it does happens as a whole or not at all,
// at one time. It belongs to one goroutine, and ends with the function that it was
// given to.
type Tx struct {
	store *Store
	tx    Transaction
	now   time.Time
}

// Now is the time of all that happens in the transaction, in UTC, to the microsecond:
// on PostgreSQL the database's, so that replicas agree.
func (t *Tx) Now() time.Time { return t.now }

// Decide runs a transaction that changes incidents. No other one does at the same
// time, on any replica. f may be called again if the transaction came to nothing.
func (s *Store) Decide(ctx context.Context, f func(ctx context.Context, t *Tx) error) error {
	return s.work(ctx, true, func(ctx context.Context, t *Tx) error {
		if err := t.Hold(ctx); err != nil {
			return err
		}
		return f(ctx, t)
	})
}

// Hold makes a transaction of [Store.Work] one of [Store.Decide] from here on. It may
// have to wait for another one, which may have to wait for this; then one of the two is
// undone and done again.
func (t *Tx) Hold(ctx context.Context) error {
	hold := t.store.db.dialect().Hold
	if hold == "" { // there is one transaction at a time anyway
		return nil
	}
	var one int64
	return wrap("take the engine's turn", t.one(ctx, `SELECT id FROM engine WHERE id = 1`+hold).Scan(&one))
}

// Work runs a transaction that changes deliveries only. Others may run at the same
// time.
func (s *Store) Work(ctx context.Context, f func(ctx context.Context, t *Tx) error) error {
	return s.work(ctx, false, f)
}

func (s *Store) work(ctx context.Context, inTurn bool, f func(ctx context.Context, t *Tx) error) error {
	return s.Transact(ctx, inTurn, func(ctx context.Context, tx Transaction, now time.Time) error {
		return f(ctx, &Tx{store: s, tx: tx, now: now.UTC().Truncate(time.Microsecond)})
	})
}

// exec runs a statement and returns how many rows it has changed.
func (t *Tx) exec(ctx context.Context, statement string, args ...any) (uint64, error) {
	return affected(t.tx.ExecContext(ctx, t.store.sql(statement), args...))
}

func (t *Tx) one(ctx context.Context, query string, args ...any) *sql.Row {
	return t.tx.QueryRowContext(ctx, t.store.sql(query), args...)
}

// each calls scan for each row of a query.
func (t *Tx) each(ctx context.Context, scan func(rows *sql.Rows) error, query string, args ...any) error {
	return eachRow(ctx, t.tx, scan, t.store.sql(query), args...)
}

// micros is a time as the database keeps it, nil for none.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// timeOf is the reverse of micros; 0 stands for none, too.
func timeOf(n sql.NullInt64) time.Time {
	if !n.Valid || n.Int64 == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64).UTC()
}

func encode(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

// decode reads back what encode wrote, perhaps by an earlier alertd.
func decode(text string, into any) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("read back %T: %w", into, err)
	}
	return nil
}

// EngineCursor returns the number of the last event that was folded.
func (s *Store) EngineCursor(ctx context.Context) (alerting.Seq, error) {
	cursor, err := s.readNumber(ctx, s.sql(`SELECT max(seq) FROM log_cursors WHERE name = ?`), engineCursor)
	return alerting.Seq(cursor.Int64), s.reading(err)
}

// Cursor is [Store.EngineCursor] within the transaction.
func (t *Tx) Cursor(ctx context.Context) (alerting.Seq, error) {
	var cursor alerting.Seq
	err := t.one(ctx, `SELECT seq FROM log_cursors WHERE name = ?`, engineCursor).Scan(&cursor)
	if err != nil {
		return 0, fmt.Errorf("read the engine's place: %w", err)
	}
	return cursor, nil
}

// Advance notes that all events up to a number were folded.
func (t *Tx) Advance(ctx context.Context, through alerting.Seq) error {
	_, err := t.tx.ExecContext(ctx, t.store.queries.saveCursor, engineCursor, through)
	return wrap("move the engine's place", err)
}

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// wrap says what was being done, if there is an error.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
