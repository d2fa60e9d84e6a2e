package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"alertd/internal/alerting"
)

// engine is what the two databases do each in its own way. Errors are the
// driver's; see [engine.explain].
type engine interface {
	// read returns the connections for queries.
	read() *sql.DB
	// upkeep returns what the log itself reads by: queries cannot hold it up.
	upkeep() *sql.DB
	// dialect returns the words in which the SQL differs.
	dialect() dialect
	// append makes drafts durable in one transaction. Before it commits it calls
	// expect with their places. If the error is an [unknownError], it may have been
	// committed all the same. Without drafts it writes something else.
	append(ctx context.Context, drafts []*alerting.Draft, expect func([]placed)) ([]placed, error)
	// committed says whether the transaction that was to append this event was
	// committed. It waits until that transaction has ended.
	committed(ctx context.Context, event *alerting.Event) (bool, error)
	// work runs a short transaction of the engine of deliveries, which may be tried again; now
	// is the time for all of it.
	work(ctx context.Context, f func(ctx context.Context, tx transaction, now time.Time) error) error
	// write runs a short transaction of upkeep, which may be tried again.
	write(ctx context.Context, upkeep func(ctx context.Context, tx *sql.Tx) error) error
	// exclusive runs f unless this or another replica runs one under the same name,
	// and reports whether it did.
	exclusive(ctx context.Context, name string, f func(ctx context.Context) error) (bool, error)
	// giveBack returns free space to the operating system, in small steps.
	giveBack(ctx context.Context) error
	// follow calls wake whenever another replica may have appended, until ctx ends;
	// it returns at once where there are no replicas.
	follow(ctx context.Context, wake func()) error
	// explain says in the user's words why the database cannot do something now,
	// or "" if the error is not of that sort.
	explain(err error) string
	// lostConnection reports whether something failed as its connection was lost, so
	// that it may work on another one.
	lostConnection(err error) bool
	// living returns one of the connections, after it has given a sign of life.
	living(ctx context.Context, db *sql.DB) (*sql.Conn, error)
	// explained is an error for whoever opens the database; it holds no secrets.
	explained(err error) error
	close() error
}

// transaction is what statements of a transaction are run by.
type transaction interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// unknownError says that a transaction may or may not have been committed.
type unknownError struct{ error }

func (e unknownError) Unwrap() error { return e.error }

func isUnknown(err error) bool {
	_, unknown := errors.AsType[unknownError](err)
	return unknown
}

// dialect has the words in which the SQL of the two databases differs.
type dialect struct {
	// rebind turns ? into the database's placeholders.
	rebind func(query string) string
	// anyOf follows a column and holds for those in a list: one placeholder.
	anyOf string
	// list turns numbers into that placeholder's argument; nil is a list of none, not
	// NULL, of which nothing holds and its opposite neither.
	list func(numbers []int64) any
	// values are the numbers of such a list as rows of v, each its value: one placeholder.
	values string
	// anyText and texts are the same for texts.
	anyText string
	texts   func(texts []string) any
	// pairs returns a query for rows of two numbers, given side by side, and its
	// arguments.
	pairs func(first, second []int64) (query string, args []any)
	// skipLocked ends a query whose rows are this transaction's alone: it leaves out
	// what is another's. The rows are those of table d.
	skipLocked string
	// hold ends a query for a row that nobody else may have until the transaction ends.
	hold string
	// keeping ends a query whose rows nobody may delete until the transaction ends.
	keeping string
	// now is an expression for the time in microseconds since 1970.
	now string
	// id turns an event's id into an argument.
	id func(id alerting.EventID) any
}

// number is a condition as the database keeps it.
func number(condition bool) int64 {
	if condition {
		return 1
	}
	return 0
}
