package work

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
)

// cursorName is the name of the engine's place in the log.
const cursorName = "engine"

// Work reads and changes incidents, deliveries and timers. Safe for concurrent use.
type Work struct {
	store   *store.Store
	deleted atomic.Int64
	// announced is until when incidents may have been resolved that retention deletes, as
	// the audit log says. It belongs to the one run of retention.
	announced time.Time
	// each calls scan for each row of a query outside of any transaction. eachOfOwn does
	// so for what the engine itself asks: queries of users cannot hold it up.
	each, eachOfOwn func(ctx context.Context, scan func(rows *sql.Rows) error, query string, args ...any) error
}

// Deleted returns how many incidents retention has deleted.
func (w *Work) Deleted() int64 { return w.deleted.Load() }

// New returns what works on a store's database.
func New(s *store.Store) *Work { return &Work{store: s, each: s.EachRow, eachOfOwn: s.EachRowOfUpkeep} }

// Tx is a transaction: what it does happens as a whole or not at all, at one time. It
// belongs to one goroutine, and ends with the function that it was given to.
type Tx struct {
	work *Work
	tx   store.Transaction
	now  time.Time

	incidents  incident.Number // the last one's, in a transaction of InTurn
	deliveries delivery.Number
	numbered   bool // they have changed
	standing   int64
	rehearsal  bool // nothing is written
	announced  bool // readers are told that it has changed something
}

// Now is the time of all that happens in the transaction, in UTC, to the microsecond:
// on PostgreSQL the database's, so that replicas agree.
func (t *Tx) Now() time.Time { return t.now }

// Pretend lets the time of a rehearsal go on, or back.
func (t *Tx) Pretend(now time.Time) { t.now = now }

// InTurn runs a transaction that changes incidents or plans deliveries. No other one does
// at the same time, on any replica. f may be called again if the transaction came to
// nothing.
func (w *Work) InTurn(ctx context.Context, f func(ctx context.Context, t *Tx) error) error {
	return w.run(ctx, true, f)
}

// Transact runs a transaction that changes what became of deliveries. Others may run at
// the same time.
func (w *Work) Transact(ctx context.Context, f func(ctx context.Context, t *Tx) error) error {
	return w.run(ctx, false, f)
}

// Rehearse runs what could run in [Work.InTurn], as if at a time; a zero time: now. It sees
// the database as it is at one time, changes nothing, and holds up nobody.
func (w *Work) Rehearse(ctx context.Context, at time.Time, f func(ctx context.Context, t *Tx) error) error {
	return w.store.Snapshot(ctx, func(ctx context.Context, tx store.Transaction, now time.Time) error {
		if !at.IsZero() {
			now = at
		}
		t := &Tx{work: w, tx: tx, now: now.UTC().Truncate(time.Microsecond), rehearsal: true}
		if err := t.takeTurn(ctx, ""); err != nil {
			return err
		}
		return f(ctx, t)
	})
}

func (w *Work) run(ctx context.Context, inTurn bool, f func(ctx context.Context, t *Tx) error) error {
	announced := false
	err := w.store.Transact(ctx, inTurn, func(ctx context.Context, tx store.Transaction, now time.Time) error {
		t := &Tx{work: w, tx: tx, now: now.UTC().Truncate(time.Microsecond)}
		defer func() { announced = t.announced }()
		if inTurn {
			if err := t.takeTurn(ctx, w.dialect().Hold); err != nil {
				return err
			}
		}
		return f(ctx, t)
	})
	if err == nil && announced {
		w.store.Announced()
	}
	return err
}

// takeTurn reads the engine's row. hold ends the query.
func (t *Tx) takeTurn(ctx context.Context, hold string) error {
	err := t.one(ctx, `SELECT incidents, deliveries, standing FROM engine WHERE id = 1`+hold).Scan(&t.incidents, &t.deliveries, &t.standing)
	return wrap("take the engine's turn", err)
}

// NextIncident returns the number of the next incident. Numbers are not used again, also
// when incidents are deleted.
func (t *Tx) NextIncident() incident.Number {
	t.incidents++
	t.numbered = true
	return t.incidents
}

// Mint implements [delivery.Mint]. It needs a transaction of [Work.InTurn].
func (t *Tx) Mint() (delivery.ID, delivery.Number) {
	t.deliveries++
	t.numbered = true
	return delivery.NewID(), t.deliveries
}

func (w *Work) dialect() store.Dialect { return w.store.Dialect() }

// exec runs a statement and returns how many rows it has changed. In a rehearsal it does
// nothing.
func (t *Tx) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	if t.rehearsal {
		return 0, nil
	}
	result, err := t.tx.ExecContext(ctx, t.work.dialect().Rebind(statement), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (t *Tx) one(ctx context.Context, query string, args ...any) *sql.Row {
	return t.tx.QueryRowContext(ctx, t.work.dialect().Rebind(query), args...)
}

// each calls scan for each row of a query.
func (t *Tx) each(ctx context.Context, scan func(rows *sql.Rows) error, query string, args ...any) (err error) {
	rows, err := t.tx.QueryContext(ctx, t.work.dialect().Rebind(query), args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Now is the time by which the database's times are to be judged.
func (w *Work) Now(ctx context.Context) (time.Time, error) { return w.store.Now(ctx) }

// Cursor returns the number of the last event that was folded.
func (w *Work) Cursor(ctx context.Context) (cursor alerting.Seq, err error) {
	err = w.eachOfOwn(ctx, func(rows *sql.Rows) error { return rows.Scan(&cursor) }, `SELECT seq FROM log_cursors WHERE name = ?`, cursorName)
	return cursor, wrap("read the engine's place", err)
}

// Cursor is [Work.Cursor] within the transaction.
func (t *Tx) Cursor(ctx context.Context) (cursor alerting.Seq, err error) {
	err = t.one(ctx, `SELECT seq FROM log_cursors WHERE name = ?`, cursorName).Scan(&cursor)
	return cursor, wrap("read the engine's place", err)
}

// Advance notes that all events up to a number were folded.
func (t *Tx) Advance(ctx context.Context, through alerting.Seq) error {
	_, err := t.exec(ctx, `UPDATE log_cursors SET seq = ? WHERE name = ?`, through, cursorName)
	return wrap("move the engine's place", err)
}

// Tally counts the events of a part of the log by their time: see [store.Store.TallyPart].
func (t *Tx) Tally(ctx context.Context, part store.Unfolded) (more bool, err error) {
	return t.work.store.TallyPart(ctx, t.tx, part)
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

// decode reads back what encode wrote, perhaps by another alertd.
func decode(text string, into any) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("its JSON cannot be decoded: %w", err)
	}
	return nil
}

// wrap says what was being done, if there is an error.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
