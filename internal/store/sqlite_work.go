package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// work implements engine. Its statements are prepared once, as SQLite takes longer to
// understand most of them than to run them. What has begun goes on to its end.
func (e *sqliteEngine) work(ctx context.Context, f func(ctx context.Context, tx transaction, now time.Time) error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := e.inPlace(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if _, err := e.begin.ExecContext(ctx); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	committed := false
	defer func() { // also if f panics: nothing else could be written after it
		if !committed {
			_, _ = e.rollback.ExecContext(ctx) // what went wrong is said already
		}
	}()
	if err := f(ctx, e.prepared, time.Now()); err != nil {
		return err
	}
	if _, err := e.commit.ExecContext(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	committed = true
	return nil
}

// preparedStatements runs statements on one connection, each prepared at its first use.
// It belongs to whoever writes.
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

// ExecContext implements transaction.
func (p *preparedStatements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	statement, err := p.prepare(ctx, query) //nolint:sqlclosecheck // close does
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(ctx, args...)
}

// QueryContext implements transaction.
func (p *preparedStatements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := p.prepare(ctx, query) //nolint:sqlclosecheck // close does
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

// QueryRowContext implements transaction.
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
