package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"alertd/internal/alerting"
)

// transactAttempts is how often a transaction is tried that the server has ended for
// another one's sake.
const transactAttempts = 3

// transact implements database.
func (d *postgresDB) transact(ctx context.Context, inTurn bool, f func(ctx context.Context, tx Transaction, now time.Time) error) (err error) {
	pool := d.workers
	if inTurn {
		pool = d.takers
	}
	wait := newBackoff()
	for range transactAttempts {
		if err = transactOnce(ctx, pool, f); err == nil || !isGivenUp(err) || !wait.sleep(ctx) {
			return err
		}
	}
	return err
}

func transactOnce(ctx context.Context, pool *sql.DB, f func(ctx context.Context, tx Transaction, now time.Time) error) error {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }() // back to the others
	// Each statement sees what is committed by then, whatever the server's default is.
	committed := &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	err = inTransaction(ctx, conn, committed, func(ctx context.Context, tx *sql.Tx) error {
		var now int64
		if err := tx.QueryRowContext(ctx, `SELECT alertd_now()`).Scan(&now); err != nil {
			return fmt.Errorf("ask for the time: %w", err)
		}
		return f(ctx, tx, time.UnixMicro(now))
	})
	if _, refused := errors.AsType[*alerting.Error](err); err != nil && !refused && !isGivenUp(err) { // else nothing is wrong with it
		abandon(conn)
	}
	return err
}

// isGivenUp reports whether the server has undone a transaction that was in another
// one's way, as in a deadlock.
func isGivenUp(err error) bool {
	known, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (known.Code == "40P01" || known.Code == "40001")
}

// insertRows implements database.
func (d *postgresDB) insertRows(ctx context.Context, tx Transaction, insert string, kinds []string, rows [][]any, conflict string) error {
	columns, args := make([]string, len(kinds)), make([]any, len(kinds))
	for i, kind := range kinds {
		columns[i] = "$" + strconv.Itoa(i+1) + "::" + kind + "[]"
		args[i] = columnOf(kind, rows, i)
	}
	_, err := tx.ExecContext(ctx, insert+"SELECT * FROM unnest("+strings.Join(columns, ", ")+")"+conflict, args...)
	return err
}

// columnOf returns a column of some rows as an array of the server.
func columnOf(kind string, rows [][]any, column int) any {
	switch kind {
	case "bigint":
		return valuesOf[int64](rows, column)
	case "bytea":
		values := make([][]byte, len(rows)) // nil is NULL
		for i, row := range rows {
			values[i], _ = row[column].([]byte)
		}
		return values
	}
	return valuesOf[string](rows, column)
}

func valuesOf[T any](rows [][]any, column int) []*T {
	values := make([]*T, len(rows)) // nil is NULL
	for i, row := range rows {
		if value, is := row[column].(T); is {
			values[i] = &value
		}
	}
	return values
}
