package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"alertd/internal/alerting"
)

// database is what the two databases do each in its own way. Errors are the
// driver's; see [database.explain].
type database interface {
	// read returns the connections for queries.
	read() *sql.DB
	// upkeep returns what the log itself reads by: queries cannot hold it up.
	upkeep() *sql.DB
	// dialect returns the words in which the SQL differs.
	dialect() Dialect
	// append makes drafts durable in one transaction. Before it commits it calls
	// expect with their places. If the error is an [unknownError], it may have been
	// committed all the same. Without drafts it writes something else.
	append(ctx context.Context, drafts []*alerting.Draft, expect func([]placed)) ([]placed, error)
	// committed says whether the transaction that was to append this event was
	// committed. It waits until that transaction has ended.
	committed(ctx context.Context, event *alerting.Event) (bool, error)
	// transact runs a short transaction, which may be tried again; see [Store.Transact].
	transact(ctx context.Context, inTurn bool, f func(ctx context.Context, tx Transaction, now time.Time) error) error
	// insertRows is [Store.InsertRows].
	insertRows(ctx context.Context, tx Transaction, insert string, kinds []string, rows [][]any, conflict string) error
	// write runs a short transaction of upkeep, which may be tried again.
	write(ctx context.Context, upkeep func(ctx context.Context, tx *sql.Tx) error) error
	// exclusive runs f unless this or another replica runs one under the same name,
	// and reports whether it did.
	exclusive(ctx context.Context, name string, f func(ctx context.Context) error) (bool, error)
	// giveBack returns free space to the operating system, in small steps.
	giveBack(ctx context.Context) error
	// follow calls wake whenever another replica may have appended, and changed whenever a
	// replica has announced a change, until ctx ends; it returns at once where there are no
	// replicas.
	follow(ctx context.Context, wake, changed func()) error
	// explain says in the user's words why the database cannot do something now,
	// or "" if the error is not of that sort.
	explain(err error) string
	// lostConnection reports whether something failed as its connection was lost, so
	// that it may work on another one.
	lostConnection(err error) bool
	// living returns one of the connections, after it has given a sign of life.
	living(ctx context.Context, db *sql.DB) (*sql.Conn, error)
	// explained is an error for the user who opens the database; it holds no secrets.
	explained(err error) error
	close() error
}

// unknownError says that a transaction may or may not have been committed.
type unknownError struct{ error }

func (e unknownError) Unwrap() error { return e.error }

func isUnknown(err error) bool {
	_, unknown := errors.AsType[unknownError](err)
	return unknown
}

// number is a condition as the database keeps it.
func number(condition bool) int64 {
	if condition {
		return 1
	}
	return 0
}
