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

// changedPayload says there that something other than the log has changed. A replica that does
// not know it looks at the log, which does no harm.
const changedPayload = "changed"

// pollEvery is how often a follower looks for itself, should a notification be lost.
const pollEvery = 500 * time.Millisecond

// postgresDB keeps the log in PostgreSQL, which several replicas share.
//
// A transaction that appends takes an advisory lock before it reads the last
// number, and holds it until it has ended, so that numbers become visible in
// order and none is left out.
//
// Six connections are kept from queries: the writer, the follower and the log's own reads
// have one each, transactions that wait for each other's turn have one, others have two.
type postgresDB struct {
	config   Config
	settings *pgx.ConnConfig // of every connection
	readers  *sql.DB         // for queries and what may wait for them
	others   *sql.DB         // for what the log itself reads
	takers   *sql.DB         // for transactions in turn
	workers  *sql.DB         // for other transactions
	probe    string          // writes a little
	log      *slog.Logger

	// Of the one goroutine that appends:
	writer  *pgx.Conn // nil: to be made
	used    time.Time // when the writer's connection worked last
	refused error     // why it could not be made
	again   time.Time // when the next attempt is due
	wait    *backoff
}

func openPostgres(ctx context.Context, config Config) (database, error) {
	d, err := connectPostgres(config, durableSession(config))
	if err != nil {
		return nil, err
	}
	err = checkEncoding(ctx, d.readers)
	if err == nil {
		err = migrate(ctx, d.readers, Postgres)
	}
	if err != nil {
		return nil, errors.Join(d.explained(err), d.close()) //nolint:contextcheck // also when ctx has ended
	}
	return d, nil
}

// connectPostgres returns connections that are made when they are needed; each is set up
// before it is used, if setUp is not nil.
func connectPostgres(config Config, setUp pgconn.AfterConnectFunc) (*postgresDB, error) {
	settings, err := connectionSettings(config, setUp)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	d := &postgresDB{
		config: config, settings: settings, log: config.Logger, wait: newBackoff(),
		readers: openReaders(config, settings, max(3, config.MaxConnections-6)), others: openReaders(config, settings, 1),
		takers: openReaders(config, workerSettings(settings), 1), workers: openReaders(config, workerSettings(settings), 2),
	}
	d.probe = newQueries(d.dialect()).probe
	return d, nil
}

// explained implements database.
func (d *postgresDB) explained(err error) error {
	if reason := explainPostgres(err); reason != "" {
		err = fmt.Errorf("%s: %w", reason, err)
	}
	return fmt.Errorf("open database: %w", err)
}

func (d *postgresDB) read() *sql.DB   { return d.readers }
func (d *postgresDB) upkeep() *sql.DB { return d.others }

func (d *postgresDB) dialect() Dialect {
	return Dialect{
		Rebind: func(query string) string {
			var out strings.Builder
			for n, part := range strings.Split(query, "?") {
				if n > 0 {
					out.WriteString("$" + strconv.Itoa(n))
				}
				out.WriteString(part)
			}
			return out.String()
		},
		AnyOf:   `= ANY(?::bigint[])`,
		Values:  `unnest(?::bigint[]) AS v(value)`,
		List:    func(numbers []int64) any { return append([]int64{}, numbers...) },
		AnyText: `= ANY(?::text[])`,
		Texts:   func(texts []string) any { return append([]string{}, texts...) },
		AnyID:   `= ANY(?::text[]::uuid[])`,
		IDs:     func(ids []alerting.EventID) any { return idTexts(ids) },
		Pairs: func(first, second []int64) (string, []any) {
			return `SELECT * FROM unnest(?::bigint[], ?::bigint[])`, []any{first, second}
		},
		Keeping:    ` FOR KEY SHARE`,
		SkipLocked: ` FOR UPDATE OF d SKIP LOCKED`,
		Hold:       ` FOR UPDATE`,
		Now:        `alertd_now()`,
		ID:         func(id alerting.EventID) any { return uuid.UUID(id).String() },
	}
}

// write implements database. A connection on which something went wrong is not used
// again: the next one may reach another server, or find other settings.
func (d *postgresDB) write(ctx context.Context, upkeep func(ctx context.Context, tx *sql.Tx) error) error {
	conn, err := d.readers.Conn(ctx)
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

// abandon keeps a connection from being used again.
func abandon(conn *sql.Conn) { _ = conn.Raw(func(any) error { return driver.ErrBadConn }) }

// exclusive implements database by an advisory lock of a connection.
func (d *postgresDB) exclusive(ctx context.Context, name string, f func(ctx context.Context) error) (ran bool, err error) {
	limited, cancel := context.WithTimeout(ctx, d.config.Timeout)
	defer cancel()
	conn, err := d.readers.Conn(limited)
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

// giveBack implements database: autovacuum makes room for later events by itself.
func (d *postgresDB) giveBack(context.Context) error { return nil }

// follow implements database: it listens, looks for itself now and then, and
// connects again when the connection is lost.
func (d *postgresDB) follow(ctx context.Context, wake, changed func()) error {
	wait, lost := newBackoff(), false
	for ctx.Err() == nil {
		err := d.listen(ctx, func() {
			if lost {
				d.log.Info("told of other replicas' events again")
			}
			wait, lost = newBackoff(), false
			wake()
		}, changed)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		if !lost { // once is enough
			d.log.Warn("lost the connection that tells of other replicas' events, connecting again", "error", err)
		}
		lost = true
		wake() // the reader finds out, too
		wait.sleep(ctx)
	}
	return nil
}

func (d *postgresDB) listen(ctx context.Context, wake, changed func()) error {
	conn, err := d.dial(ctx)
	if err != nil {
		return err
	}
	defer giveUp(ctx, conn)
	limited, cancel := context.WithTimeout(ctx, d.config.Timeout)
	_, err = conn.Exec(limited, `LISTEN `+notifyChannel)
	cancel()
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	wake() // what came before
	changed()
	for {
		limited, cancel := context.WithTimeout(ctx, pollEvery)
		told, err := conn.WaitForNotification(limited)
		expired := limited.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !expired:
			return fmt.Errorf("wait: %w", err)
		case err == nil && told.Payload == changedPayload:
			changed()
		case err != nil: // silence: perhaps nobody is there any more
			if err := d.ping(ctx, conn); err != nil {
				return fmt.Errorf("wait: %w", err)
			}
		}
		wake()
	}
}

func (d *postgresDB) explain(err error) string { return explainPostgres(err) }

// lostConnection implements database.
func (d *postgresDB) lostConnection(err error) bool { return hasEndedConnection(err) }

// close implements database. Nothing appends any longer.
func (d *postgresDB) close() error {
	d.discard(context.Background())
	return errors.Join(d.readers.Close(), d.others.Close(), d.takers.Close(), d.workers.Close())
}
