package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// transact implements database. Its statements are prepared once, as SQLite takes longer to
// parse most of them than to run them. A transaction that has begun goes on to its end.
func (d *sqliteDB) transact(ctx context.Context, _ bool, f func(ctx context.Context, tx Transaction, now time.Time) error) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.give()
	if err := d.inPlace(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if _, err := d.begin.ExecContext(ctx); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	committed := false
	defer func() { // also if f panics: nothing else could be written after it
		if !committed {
			_, _ = d.rollback.ExecContext(ctx) // what went wrong is said already
		}
	}()
	if err := f(ctx, d.prepared, time.Now()); err != nil {
		return err
	}
	if _, err := d.commit.ExecContext(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	committed = true
	return nil
}

// maxInsertRows is the most rows of one INSERT. Each number of rows is a statement to be
// prepared, so that there are few of them: powers of two.
const maxInsertRows = 64

// insertRows implements database.
func (d *sqliteDB) insertRows(ctx context.Context, tx Transaction, insert string, kinds []string, rows [][]any, conflict string) error {
	row := "(?" + strings.Repeat(", ?", len(kinds)-1) + ")"
	for n := maxInsertRows; len(rows) > 0; {
		for n > len(rows) {
			n /= 2
		}
		args := slices.Concat(rows[:n]...)
		if _, err := tx.ExecContext(ctx, insert+"VALUES "+row+strings.Repeat(", "+row, n-1)+conflict, args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// preparedStatements runs statements on one connection, each prepared at its first use.
// It belongs to the transaction that is open.
type preparedStatements struct {
	conn  *sql.Conn
	known map[string]*sql.Stmt
}

func (p *preparedStatements) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if statement := p.known[query]; statement != nil {
		return statement, nil
	}
	statement, err := p.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.known[query] = statement
	return statement, nil
}

// ExecContext implements Transaction.
func (p *preparedStatements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	statement, err := p.prepare(ctx, query) //nolint:sqlclosecheck // close does
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(ctx, args...)
}

// QueryContext implements Transaction.
func (p *preparedStatements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := p.prepare(ctx, query) //nolint:sqlclosecheck // close does
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

// QueryRowContext implements Transaction.
func (p *preparedStatements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	statement, err := p.prepare(ctx, query) //nolint:sqlclosecheck // close does
	if err != nil {
		return p.conn.QueryRowContext(ctx, query, args...) // it says why
	}
	return statement.QueryRowContext(ctx, args...)
}

func (p *preparedStatements) close() error {
	var errs []error
	for _, statement := range p.known {
		errs = append(errs, statement.Close())
	}
	return errors.Join(errs...)
}
