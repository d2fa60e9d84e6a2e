package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"alertd/internal/alerting"
)

// The keys of advisory locks: the first number is alertd's, the second says what for.
const (
	lockSpace   = 0x616c7274 // "alrt"
	lockAppend  = 1
	lockMigrate = 2
)

// notifyChannel is where a replica tells the others that it has appended.
const notifyChannel = "alertd_events"

// pollEvery is how often a follower looks for itself, should a notification be lost.
const pollEvery = 500 * time.Millisecond

// postgresEngine keeps the log in PostgreSQL, which several replicas share.
//
// A transaction that appends takes an advisory lock before it reads the last
// number, and holds it until it has ended, so that numbers become visible in
// order and none is left out.
//
// The writer, the follower and who reads what others append have a connection
// each, the engine of deliveries has two, which no query can take from them.
type postgresEngine struct {
	config   Config
	settings *pgx.ConnConfig // of every connection
	readers  *sql.DB         // for queries and what may wait for them
	others   *sql.DB         // for what the log itself reads
	workers  *sql.DB         // for the engine of deliveries
	probe    string          // writes a little
	log      *slog.Logger

	// Of the one goroutine that appends:
	writer  *pgx.Conn // nil: to be made
	used    time.Time // when the writer's connection worked last
	refused error     // why it could not be made
	again   time.Time // when the next attempt is due
	wait    *backoff
}

func openPostgres(ctx context.Context, config Config) (engine, error) {
	e, err := connectPostgres(config, durableSession(config))
	if err != nil {
		return nil, err
	}
	err = checkEncoding(ctx, e.readers)
	if err == nil {
		err = migrate(ctx, e.readers, Postgres)
	}
	if err != nil {
		return nil, errors.Join(e.explained(err), e.close()) //nolint:contextcheck // also when ctx has ended
	}
	return e, nil
}

// connectPostgres returns connections, of which none is made yet; each is set up
// before it is used, if setUp is not nil.
func connectPostgres(config Config, setUp pgconn.AfterConnectFunc) (*postgresEngine, error) {
	settings, err := connectionSettings(config, setUp)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	e := &postgresEngine{
		config: config, settings: settings, log: config.Logger, wait: newBackoff(),
		readers: openReaders(config, settings, max(3, config.MaxConnections-5)), others: openReaders(config, settings, 1),
		workers: openReaders(config, workerSettings(settings), 2),
	}
	e.probe = newQueries(e.dialect()).probe
	return e, nil
}

// explained implements engine.
func (e *postgresEngine) explained(err error) error {
	if reason := explainPostgres(err); reason != "" {
		err = fmt.Errorf("%s: %w", reason, err)
	}
	return fmt.Errorf("open database: %w", err)
}

func (e *postgresEngine) read() *sql.DB   { return e.readers }
func (e *postgresEngine) upkeep() *sql.DB { return e.others }

func (e *postgresEngine) dialect() dialect {
	return dialect{
		rebind: func(query string) string {
			var out strings.Builder
			for n, part := range strings.Split(query, "?") {
				if n > 0 {
					out.WriteString("$" + strconv.Itoa(n))
				}
				out.WriteString(part)
			}
			return out.String()
		},
		anyOf:   `= ANY(?::bigint[])`,
		values:  `unnest(?::bigint[]) AS v(value)`,
		list:    func(numbers []int64) any { return append([]int64{}, numbers...) },
		anyText: `= ANY(?::text[])`,
		texts:   func(texts []string) any { return append([]string{}, texts...) },
		pairs: func(first, second []int64) (string, []any) {
			return `SELECT * FROM unnest(?::bigint[], ?::bigint[])`, []any{first, second}
		},
		keeping:    ` FOR KEY SHARE`,
		skipLocked: ` FOR UPDATE OF d SKIP LOCKED`,
		hold:       ` FOR UPDATE`,
		now:        `alertd_now()`,
		id:         func(id alerting.EventID) any { return uuid.UUID(id).String() },
	}
}

// write implements engine. A connection on which something went wrong is not used
// again: the next one may reach another server, or find other settings.
func (e *postgresEngine) write(ctx context.Context, upkeep func(ctx context.Context, tx *sql.Tx) error) error {
	conn, err := e.readers.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }() // back to the others
	if err := inTransaction(ctx, conn, nil, upkeep); err != nil {
		abandon(conn)
		return err
	}
	return nil
}

// workAttempts is how often a transaction of the engine is tried if the server gives it
// up for another one's sake.
const workAttempts = 3

// work implements engine. All of it sees one time, the database's.
func (e *postgresEngine) work(ctx context.Context, f func(ctx context.Context, tx transaction, now time.Time) error) (err error) {
	wait := newBackoff()
	for range workAttempts {
		if err = e.workOnce(ctx, f); err == nil || !isGivenUp(err) || !wait.sleep(ctx) {
			return err
		}
	}
	return err
}

func (e *postgresEngine) workOnce(ctx context.Context, f func(ctx context.Context, tx transaction, now time.Time) error) error {
	conn, err := e.workers.Conn(ctx)
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

// abandon keeps a connection from being used again.
func abandon(conn *sql.Conn) { _ = conn.Raw(func(any) error { return driver.ErrBadConn }) }

// exclusive implements engine by an advisory lock of a connection.
func (e *postgresEngine) exclusive(ctx context.Context, name string, f func(ctx context.Context) error) (ran bool, err error) {
	limited, cancel := context.WithTimeout(ctx, e.config.Timeout)
	defer cancel()
	conn, err := e.readers.Conn(limited)
	if err != nil {
		return false, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }() // back to the others
	err = conn.QueryRowContext(limited, `SELECT pg_try_advisory_lock($1, hashtext($2))`, lockSpace+1, name).Scan(&ran)
	if err != nil || !ran {
		return false, err
	}
	defer func() {
		unlock, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if _, failed := conn.ExecContext(unlock, `SELECT pg_advisory_unlock($1, hashtext($2))`, lockSpace+1, name); failed != nil {
			abandon(conn) // and the lock with it
		}
	}()
	return true, f(ctx)
}

// giveBack implements engine: autovacuum makes room for later events by itself.
func (e *postgresEngine) giveBack(context.Context) error { return nil }

// follow implements engine: it listens, looks for itself now and then, and
// connects again when the connection is lost.
func (e *postgresEngine) follow(ctx context.Context, wake func()) error {
	wait, lost := newBackoff(), false
	for ctx.Err() == nil {
		err := e.listen(ctx, func() {
			if lost {
				e.log.Info("told of other replicas' events again")
			}
			wait, lost = newBackoff(), false
			wake()
		})
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		if !lost { // once is enough
			e.log.Warn("lost the connection that tells of other replicas' events, connecting again", "error", err)
		}
		lost = true
		wake() // whoever reads finds out, too
		wait.sleep(ctx)
	}
	return nil
}

func (e *postgresEngine) listen(ctx context.Context, wake func()) error {
	conn, err := e.dial(ctx)
	if err != nil {
		return err
	}
	defer giveUp(ctx, conn)
	limited, cancel := context.WithTimeout(ctx, e.config.Timeout)
	_, err = conn.Exec(limited, `LISTEN `+notifyChannel)
	cancel()
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	wake() // what came before
	for {
		limited, cancel := context.WithTimeout(ctx, pollEvery)
		_, err := conn.WaitForNotification(limited)
		expired := limited.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !expired:
			return fmt.Errorf("wait: %w", err)
		case err != nil: // silence: perhaps nobody is there any more
			if err := e.ping(ctx, conn); err != nil {
				return fmt.Errorf("wait: %w", err)
			}
		}
		wake()
	}
}

func (e *postgresEngine) explain(err error) string { return explainPostgres(err) }

// lostConnection implements engine.
func (e *postgresEngine) lostConnection(err error) bool { return hasEndedConnection(err) }

// close implements engine. Whoever appends has ended.
func (e *postgresEngine) close() error {
	e.discard(context.Background())
	return errors.Join(e.readers.Close(), e.others.Close(), e.workers.Close())
}
