package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"alertd/internal/alerting"
)

// What is here is for packages that keep tables of their own in the database.

// Transaction runs the statements of one transaction.
type Transaction interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Dialect returns the words in which the SQL of the store's database differs.
func (s *Store) Dialect() Dialect { return s.db.dialect() }

// Transact runs f in a short transaction, which is committed if f returns nil. f may be
// called again if the transaction came to nothing. now is the time for all that happens in
// it: on PostgreSQL the database's, so that replicas agree.
//
// inTurn says that f waits for other transactions of its kind, by a row that it locks.
// On PostgreSQL such transactions have connections of their own, so that those that do not
// wait never lack one. On SQLite there is one transaction at a time anyway.
//
// The error is f's, or an [*alerting.Error] with [alerting.CodeUnavailable].
func (s *Store) Transact(ctx context.Context, inTurn bool, f func(ctx context.Context, tx Transaction, now time.Time) error) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	err := s.db.transact(ctx, inTurn, f)
	if _, known := errors.AsType[*alerting.Error](err); known {
		return err
	}
	return s.reading(err)
}

// Snapshot runs f in a transaction that reads the database as it is at one time, and cannot
// change it. It holds up no other transaction, and those of users cannot hold up alertd
// itself. now is as for [Store.Transact], and so is the error.
func (s *Store) Snapshot(ctx context.Context, f func(ctx context.Context, tx Transaction, now time.Time) error) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	err := s.snapshot(ctx, f)
	if _, known := errors.AsType[*alerting.Error](err); known {
		return err
	}
	return s.reading(err)
}

func (s *Store) snapshot(ctx context.Context, f func(ctx context.Context, tx Transaction, now time.Time) error) error {
	conn, err := s.db.living(ctx, s.db.read())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // back to the others
	options := &sql.TxOptions{ReadOnly: true}
	if s.Shared() { // SQLite reads so anyway
		options.Isolation = sql.LevelRepeatableRead
	}
	return inTransaction(ctx, conn, options, func(ctx context.Context, tx *sql.Tx) error {
		now := time.Now()
		if s.Shared() {
			var micros int64
			if err := tx.QueryRowContext(ctx, `SELECT alertd_now()`).Scan(&micros); err != nil {
				return fmt.Errorf("ask for the time: %w", err)
			}
			now = time.UnixMicro(micros)
		}
		return f(ctx, tx, now)
	})
}

// InsertRows inserts rows with as few statements as the database allows. insert begins
// each statement up to its column list, kinds are PostgreSQL's types of those columns,
// and conflict, which may be empty, ends it. Values are int64, string, []byte or nil.
func (s *Store) InsertRows(ctx context.Context, tx Transaction, insert string, kinds []string, rows [][]any, conflict string) error {
	if len(rows) == 0 {
		return nil
	}
	return s.db.insertRows(ctx, tx, insert, kinds, rows, conflict)
}

// EachRow calls scan for each row of a query outside of any transaction. If the
// connection is lost before the first row, the query is tried once more.
func (s *Store) EachRow(ctx context.Context, scan func(rows *sql.Rows) error, query string, args ...any) error {
	return s.eachRow(ctx, s.db.read(), scan, query, args...)
}

// EachRowOfUpkeep is [Store.EachRow] by connections that queries of users cannot take.
func (s *Store) EachRowOfUpkeep(ctx context.Context, scan func(rows *sql.Rows) error, query string, args ...any) error {
	return s.eachRow(ctx, s.db.upkeep(), scan, query, args...)
}

func (s *Store) eachRow(ctx context.Context, pool *sql.DB, scan func(rows *sql.Rows) error, query string, args ...any) error {
	some := false
	var failed error
	return s.read(ctx, pool, func(ctx context.Context, db querier) error {
		if some {
			return failed
		}
		failed = eachRow(ctx, db, func(rows *sql.Rows) error {
			some = true
			return scan(rows)
		}, s.sql(query), args...)
		return failed
	})
}

// Now returns the time by which times in the database are judged: on PostgreSQL the
// database's own.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	if s.config.Driver == SQLite {
		return time.Now(), nil
	}
	var now int64
	err := s.EachRowOfUpkeep(ctx, func(rows *sql.Rows) error { return rows.Scan(&now) }, `SELECT alertd_now()`)
	return time.UnixMicro(now).UTC(), err
}

// Shared reports whether several replicas may share the database.
func (s *Store) Shared() bool { return s.config.Driver == Postgres }

// Exclusive runs f unless this or another replica runs something under the same name.
func (s *Store) Exclusive(ctx context.Context, name string, f func(ctx context.Context) error) error {
	_, err := s.db.exclusive(ctx, name, f)
	if err != nil {
		return s.reading(err)
	}
	return nil
}

// GiveBack returns free space to the operating system, in small steps.
func (s *Store) GiveBack(ctx context.Context) error { return s.db.giveBack(ctx) }

// sql returns a statement as the database writes it.
func (s *Store) sql(text string) string { return s.db.dialect().Rebind(text) }

// querier is an [*sql.DB], an [*sql.Conn] or an [*sql.Tx].
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func eachRow(ctx context.Context, db querier, scan func(rows *sql.Rows) error, query string, args ...any) (err error) {
	rows, err := db.QueryContext(ctx, query, args...)
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

// EventsIn returns those of some events that are kept, oldest first, within a
// transaction. An event that cannot be read is set aside.
func (s *Store) EventsIn(ctx context.Context, tx Transaction, seqs []alerting.Seq) ([]*alerting.Event, error) {
	return s.eventsBy(ctx, tx, s.queries.bySeq, s.listOf(seqs))
}

// Events returns those of some events that are kept, oldest first. An event that cannot be
// read is set aside.
func (s *Store) Events(ctx context.Context, seqs []alerting.Seq) (events []*alerting.Event, err error) {
	err = s.read(ctx, s.db.read(), func(ctx context.Context, db querier) (err error) {
		events, err = s.eventsBy(ctx, db, s.queries.bySeq, s.listOf(seqs))
		return err
	})
	return events, err
}

func (s *Store) eventsBy(ctx context.Context, db querier, query string, args ...any) ([]*alerting.Event, error) {
	var events []*alerting.Event
	err := eachRow(ctx, db, func(rows *sql.Rows) error {
		var kept keptEvent
		if err := rows.Scan(kept.columns()...); err != nil {
			return err
		}
		event, err := kept.load()
		if err != nil {
			s.setAsideEvent(err)
			return nil
		}
		events = append(events, event)
		return nil
	}, query, args...)
	return events, err
}

// listOf returns the argument for a list of events' numbers.
func (s *Store) listOf(seqs []alerting.Seq) any {
	numbers := make([]int64, len(seqs))
	for i, seq := range seqs {
		numbers[i] = int64(seq)
	}
	return s.db.dialect().List(numbers)
}
