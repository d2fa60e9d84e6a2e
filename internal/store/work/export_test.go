package work

import (
	"context"
	"database/sql"

	"alertd/internal/store"
)

// Note is told of a statement, and what would run it.
type Note func(ctx context.Context, on store.Transaction, statement string, args int)

type heard struct {
	store.Transaction
	note Note
}

func (h heard) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	h.note(ctx, h.Transaction, query, len(args))
	return h.Transaction.ExecContext(ctx, query, args...)
}

func (h heard) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	h.note(ctx, h.Transaction, query, len(args))
	return h.Transaction.QueryContext(ctx, query, args...)
}

func (h heard) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	h.note(ctx, h.Transaction, query, len(args))
	return h.Transaction.QueryRowContext(ctx, query, args...)
}

// Listen has each further statement of the transaction noted.
func (t *Tx) Listen(note Note) { t.tx = heard{t.tx, note} }

// Listen has each further query outside of transactions noted, which on would run.
func (w *Work) Listen(on store.Transaction, note Note) (end func()) {
	each, own := w.each, w.eachOfOwn
	listen := func(ctx context.Context, scan func(rows *sql.Rows) error, query string, args ...any) error {
		note(ctx, on, w.dialect().Rebind(query), len(args))
		return each(ctx, scan, query, args...)
	}
	w.each, w.eachOfOwn = listen, listen
	return func() { w.each, w.eachOfOwn = each, own }
}

// The steps of retention.
func (t *Tx) ForgetFolds(ctx context.Context, limit int) (int64, error) {
	return t.forgetFolds(ctx, limit)
}

// DeleteSomeOf is a step of retention.
func (t *Tx) DeleteSomeOf(ctx context.Context, old []int64) (rows, incidents int64, err error) {
	return t.deleteSomeOf(ctx, old)
}
