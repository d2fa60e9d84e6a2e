package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

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
type postgresEngine struct {
	config  Config
	pool    *pgxpool.Pool
	readers *sql.DB
	log     *slog.Logger
}

func openPostgres(ctx context.Context, config Config) (engine, error) {
	settings, err := pgxpool.ParseConfig(config.DSN)
	if err != nil {
		return nil, errors.New("open database: the dsn cannot be read; it must be as libpq takes it, " +
			"such as postgres://user:password@host1,host2/alertd?target_session_attrs=read-write")
	}
	settings.MaxConns = int32(config.MaxConnections) //nolint:gosec // checked by the configuration
	settings.ConnConfig.ConnectTimeout = min(config.Timeout, 5*time.Second)
	if settings.ConnConfig.RuntimeParams["application_name"] == "" {
		settings.ConnConfig.RuntimeParams["application_name"] = "alertd"
	}
	settings.AfterConnect = requireSync
	pool, err := pgxpool.NewWithConfig(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", errors.New(explainPostgres(err)))
	}
	e := &postgresEngine{config: config, pool: pool, readers: stdlib.OpenDBFromPool(pool), log: config.Logger}
	if err := migrate(ctx, e.readers, Postgres); err != nil {
		reason := explainPostgres(err)
		if reason == "" {
			return nil, errors.Join(fmt.Errorf("open database: %w", err), e.close())
		}
		return nil, errors.Join(fmt.Errorf("open database: %s", reason), e.close())
	}
	return e, nil
}

// requireSync makes sure that a commit is on disk before it is answered, whatever
// the server's default is; a stricter one stays.
func requireSync(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')`)
	return err
}

func (e *postgresEngine) read() *sql.DB { return e.readers }

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
		anyOf: `= ANY(?::bigint[])`,
		list:  func(numbers []int64) any { return numbers },
		now:   `alertd_now()`,
		id:    func(id alerting.EventID) any { return uuid.UUID(id).String() },
	}
}

// append implements engine, in two round trips.
func (e *postgresEngine) append(ctx context.Context, drafts []*alerting.Draft, expect func([]placed)) ([]placed, error) {
	places, err := e.tryAppend(ctx, drafts, expect)
	if err != nil && isConnectionLost(err) && !isUnknown(err) && ctx.Err() == nil {
		// The server was restarted since the connection was made, and so it was for
		// all others. Nothing was written yet.
		e.pool.Reset()
		places, err = e.tryAppend(ctx, drafts, expect)
	}
	return places, err
}

func (e *postgresEngine) tryAppend(ctx context.Context, drafts []*alerting.Draft, expect func([]placed)) ([]placed, error) {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer conn.Release() // one in a transaction is not used again
	defer rollBack(ctx, conn.Conn())
	last, found, err := e.lockAndLook(ctx, conn.Conn(), drafts)
	if err != nil {
		return nil, err
	}
	b := newBatch(drafts, last)
	for i, draft := range drafts {
		first, err := found.first(draft)
		if err != nil {
			return nil, err
		}
		b.place(i, first)
	}
	for i, place := range b.places {
		if place.seq > 0 {
			b.places[i].event = drafts[i].Finish(place.seq)
		}
	}
	expect(b.places)
	return b.places, e.insert(ctx, conn.Conn(), drafts, b.places)
}

// rollBack ends a transaction that is still open. Without an answer the
// connection is given up.
func rollBack(ctx context.Context, conn *pgx.Conn) {
	if conn.IsClosed() || conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, `ROLLBACK`); err != nil {
		_ = conn.Close(ctx) // it is given up
	}
}

// firsts are the events in the log that have an id or a key of a draft.
type firsts struct {
	byID  map[alerting.EventID]keptEvent
	byKey map[string]keptEvent
}

// first returns the draft's first event, or nil.
func (f firsts) first(draft *alerting.Draft) (*alerting.Event, error) {
	if draft.IDGiven() {
		if first, ok := f.byID[draft.ID()]; ok {
			return first.load()
		}
	}
	if first, ok := f.byKey[draft.IdempotencyKey()]; ok {
		return first.load()
	}
	return nil, nil
}

// lockAndLook begins a transaction, waits for its turn to append, and reads the
// last number and which drafts are known, each with a snapshot of its own.
func (e *postgresEngine) lockAndLook(ctx context.Context, conn *pgx.Conn, drafts []*alerting.Draft) (int64, firsts, error) {
	var ids []string
	var keys []string
	for _, draft := range drafts {
		if draft.IDGiven() {
			ids = append(ids, draft.ID().String())
		}
		if key := draft.IdempotencyKey(); key != "" {
			keys = append(keys, key)
		}
	}
	var last int64
	found := firsts{byID: map[alerting.EventID]keptEvent{}, byKey: map[string]keptEvent{}}
	batch := &pgx.Batch{}
	batch.Queue(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`)
	batch.Queue(`SELECT pg_advisory_xact_lock($1, $2)`, lockSpace, lockAppend)
	batch.Queue(`SELECT coalesce(max(seq), 0) FROM events`).QueryRow(func(row pgx.Row) error { return row.Scan(&last) })
	if len(ids) > 0 {
		batch.Queue(`SELECT event_id, seq, json FROM events WHERE event_id = ANY($1::uuid[])`, ids).Query(func(rows pgx.Rows) error {
			var id [16]byte
			var first keptEvent
			_, err := pgx.ForEachRow(rows, []any{&id, &first.seq, &first.json}, func() error {
				found.byID[alerting.EventID(id)] = first
				return nil
			})
			return err
		})
	}
	if len(keys) > 0 {
		batch.Queue(`SELECT k.key, e.seq, e.json FROM idempotency_keys k JOIN events e ON e.event_id = k.event_id
			WHERE k.key = ANY($1::text[]) AND k.at > alertd_now() - $2::bigint`, keys, keyLifetime.Microseconds()).Query(func(rows pgx.Rows) error {
			var key string
			var first keptEvent
			_, err := pgx.ForEachRow(rows, []any{&key, &first.seq, &first.json}, func() error {
				found.byKey[key] = first
				return nil
			})
			return err
		})
	}
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return 0, found, fmt.Errorf("take the log's lock: %w", err)
	}
	return last, found, nil
}

// insert writes the new events and commits. From here on an error may mean
// that the transaction was committed, unless the server says that it was not.
func (e *postgresEngine) insert(ctx context.Context, conn *pgx.Conn, drafts []*alerting.Draft, places []placed) error {
	var seqs, received []int64
	var ids, jsons, keys, keyIDs []string
	for i, draft := range drafts {
		event := places[i].event
		if event == nil {
			continue
		}
		id := event.ID().String()
		seqs = append(seqs, int64(event.Seq())) //nolint:gosec // numbers fit into 63 bits
		ids = append(ids, id)
		received = append(received, event.ReceivedAt().UnixMicro())
		jsons = append(jsons, event.JSON())
		if key := draft.IdempotencyKey(); key != "" {
			keys, keyIDs = append(keys, key), append(keyIDs, id)
		}
	}
	batch := &pgx.Batch{}
	if len(seqs) > 0 {
		batch.Queue(`INSERT INTO events (seq, event_id, received, json) SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::text[])`,
			seqs, ids, received, jsons)
		batch.Queue(`SELECT pg_notify($1, '')`, notifyChannel)
	}
	if len(keys) > 0 {
		batch.Queue(`INSERT INTO idempotency_keys (key, event_id, at) SELECT key, id, alertd_now() FROM unnest($1::text[], $2::uuid[]) AS new (key, id)
			ON CONFLICT (key) DO UPDATE SET event_id = excluded.event_id, at = excluded.at`, keys, keyIDs)
	}
	batch.Queue(`COMMIT`)
	err := conn.SendBatch(ctx, batch).Close()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("commit %d events: %w", len(drafts), err)
	if !conn.IsClosed() && conn.PgConn().TxStatus() == 'E' {
		return err // the server said no before COMMIT
	}
	return unknownError{err}
}

// committed implements engine. Whoever holds the lock knows that the transaction
// in question has ended.
func (e *postgresEngine) committed(ctx context.Context, event *alerting.Event) (found bool, err error) {
	err = e.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1, $2)`, lockSpace, lockAppend); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM events WHERE event_id = $1 AND seq = $2)`,
			event.ID().String(), int64(event.Seq())).Scan(&found) //nolint:gosec // numbers fit into 63 bits
	})
	return found, err
}

// write implements engine.
func (e *postgresEngine) write(ctx context.Context, upkeep func(ctx context.Context, tx *sql.Tx) error) error {
	return inTransaction(ctx, e.readers, upkeep)
}

// exclusive implements engine by an advisory lock of a connection.
func (e *postgresEngine) exclusive(ctx context.Context, name string, f func(ctx context.Context) error) (ran bool, err error) {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return false, fmt.Errorf("connect: %w", err)
	}
	defer conn.Release()
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1, hashtext($2))`, lockSpace+1, name).Scan(&ran); err != nil || !ran {
		return false, err
	}
	defer func() {
		unlock, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if _, failed := conn.Exec(unlock, `SELECT pg_advisory_unlock($1, hashtext($2))`, lockSpace+1, name); failed != nil {
			_ = conn.Conn().Close(unlock) // the lock goes with it
		}
	}()
	return true, f(ctx)
}

// giveBack implements engine: autovacuum makes room for later events by itself.
func (e *postgresEngine) giveBack(context.Context) error { return nil }

// follow implements engine: it listens, looks for itself now and then, and
// connects again when the connection is lost.
func (e *postgresEngine) follow(ctx context.Context, wake func()) error {
	wait := newBackoff()
	for ctx.Err() == nil {
		if err := e.listen(ctx, func() { wait = newBackoff(); wake() }); ctx.Err() == nil {
			e.log.Warn("lost the connection that tells of other replicas' events, connecting again", "error", err)
			wake() // whoever reads finds out, too
			wait.sleep(ctx)
		}
	}
	return nil
}

func (e *postgresEngine) listen(ctx context.Context, wake func()) error {
	conn, err := pgx.ConnectConfig(ctx, e.pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // it is given up
	}()
	if _, err := conn.Exec(ctx, `LISTEN `+notifyChannel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	wake() // what came before
	for {
		limited, cancel := context.WithTimeout(ctx, pollEvery)
		_, err := conn.WaitForNotification(limited)
		expired := limited.Err() != nil
		cancel()
		if err != nil && !expired {
			return fmt.Errorf("wait: %w", err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wake()
	}
}

func (e *postgresEngine) explain(err error) string { return explainPostgres(err) }

// explainPostgres says why the database cannot do something now, by the error's
// code.
func explainPostgres(err error) string {
	if known, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case known.Code == "53100":
			return "the disk of the database server is full"
		case known.Code == "53300":
			return "the database server has too many connections"
		case known.Code == "25006":
			return "the database server is read-only, such as a standby"
		case known.Code == "3D000":
			return "the database does not exist"
		case known.Code == "55P03", known.Code == "57014":
			return "the database does not answer in time"
		case strings.HasPrefix(known.Code, "28"):
			return "the database server refuses the user or the password"
		case strings.HasPrefix(known.Code, "57P"), strings.HasPrefix(known.Code, "08"):
			return "the database server is stopping or starting"
		case strings.HasPrefix(known.Code, "XX"):
			return "the database server has an internal error, or its data are damaged"
		case strings.HasPrefix(known.Code, "53"), strings.HasPrefix(known.Code, "58"):
			return "the database server lacks a resource"
		}
		return "the database does not take the events (SQLSTATE " + known.Code + ")"
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return "the database server cannot be reached"
	}
	if errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err) {
		return "the database does not answer in time"
	}
	if _, ok := errors.AsType[*net.OpError](err); ok || isConnectionLost(err) {
		return "the connection to the database was lost"
	}
	return ""
}

func (e *postgresEngine) close() error {
	err := e.readers.Close()
	e.pool.Close()
	return err
}

// isConnectionLost reports whether the connection broke in mid-conversation.
func isConnectionLost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		strings.Contains(err.Error(), "conn closed")
}
