package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"alertd/internal/alerting"
)

// beginCommitted begins a transaction each of whose statements sees what is
// committed by then, whatever the server's default is. That it may write is the
// server's to say.
const beginCommitted = `BEGIN ISOLATION LEVEL READ COMMITTED`

// append implements database, in two round trips. A connection on which something
// went wrong is not used again.
func (d *postgresDB) append(ctx context.Context, drafts []*alerting.Draft, expect func([]placed)) ([]placed, error) {
	last, found, err := d.beginAppend(ctx, drafts)
	if err != nil {
		return nil, err
	}
	b := newBatch(drafts, last)
	for i, draft := range drafts {
		first, err := found.first(draft)
		if err != nil {
			d.discard(ctx)
			return nil, err
		}
		b.place(i, first)
	}
	if err := d.insert(ctx, drafts, b.places, expect); err != nil {
		d.discard(ctx)
		return b.places, err
	}
	d.used = time.Now()
	return b.places, nil
}

// beginAppend begins a transaction that appends. Nothing is written yet, so that
// it tries again if the connection was lost since it was used last, as when the
// server was restarted.
func (d *postgresDB) beginAppend(ctx context.Context, drafts []*alerting.Draft) (alerting.Seq, firsts, error) {
	for {
		fresh, err := d.connect(ctx)
		if err != nil {
			return 0, firsts{}, err
		}
		last, found, err := d.lockAndLook(ctx, d.writer, drafts)
		if err == nil {
			return last, found, nil
		}
		lost := d.writer.IsClosed()
		d.discard(ctx)
		if fresh || !lost || ctx.Err() != nil {
			return 0, firsts{}, err
		}
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
func (d *postgresDB) lockAndLook(ctx context.Context, conn *pgx.Conn, drafts []*alerting.Draft) (alerting.Seq, firsts, error) {
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
	var last alerting.Seq
	found := firsts{byID: map[alerting.EventID]keptEvent{}, byKey: map[string]keptEvent{}}
	batch := &pgx.Batch{}
	batch.Queue(beginCommitted)
	batch.Queue(`SELECT pg_advisory_xact_lock($1, $2)`, lockSpace, lockAppend)
	batch.Queue(`SELECT coalesce(max(seq), 0) FROM events`).QueryRow(func(row pgx.Row) error { return row.Scan(&last) })
	if len(ids) > 0 {
		batch.Queue(`SELECT e.event_id, `+eventColumns+` FROM events e WHERE e.event_id = ANY($1::uuid[])`, ids).Query(func(rows pgx.Rows) error {
			var id [16]byte
			var first keptEvent
			_, err := pgx.ForEachRow(rows, append([]any{&id}, first.columns()...), func() error {
				found.byID[alerting.EventID(id)] = first
				return nil
			})
			return err
		})
	}
	if len(keys) > 0 {
		batch.Queue(`SELECT k.key, `+eventColumns+` FROM idempotency_keys k JOIN events e ON e.event_id = k.event_id
			WHERE k.key = ANY($1::text[]) AND k.at > alertd_now() - $2::bigint`, keys, keyLifetime.Microseconds()).Query(func(rows pgx.Rows) error {
			var key string
			var first keptEvent
			_, err := pgx.ForEachRow(rows, append([]any{&key}, first.columns()...), func() error {
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
func (d *postgresDB) insert(ctx context.Context, drafts []*alerting.Draft, places []placed, expect func([]placed)) error {
	var seqs, received, dispatch []int64
	var ids, jsons, keys, keyIDs []string
	for i, draft := range drafts {
		if places[i].seq == 0 {
			continue
		}
		event := draft.Finish(places[i].seq)
		places[i].event = event
		id := event.ID().String()
		seqs = append(seqs, int64(places[i].seq))
		ids = append(ids, id)
		received = append(received, event.ReceivedAt().UnixMicro())
		jsons = append(jsons, event.JSON())
		dispatch = append(dispatch, number(draft.Dispatch()))
		if key := draft.IdempotencyKey(); key != "" {
			keys, keyIDs = append(keys, key), append(keyIDs, id)
		}
	}
	batch := &pgx.Batch{}
	if len(seqs) > 0 {
		batch.Queue(`INSERT INTO events (seq, event_id, received, json, dispatch)
			SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[])`, seqs, ids, received, jsons, dispatch)
		batch.Queue(`SELECT pg_notify($1, '')`, notifyChannel)
	}
	if len(keys) > 0 {
		batch.Queue(`INSERT INTO idempotency_keys (key, event_id, at) SELECT key, id, alertd_now() FROM unnest($1::text[], $2::uuid[]) AS new (key, id)
			ON CONFLICT (key) DO UPDATE SET event_id = excluded.event_id, at = excluded.at`, keys, keyIDs)
	}
	if len(seqs) == 0 {
		d.queueWrite(batch)
	}
	batch.Queue(`COMMIT`)
	expect(places)
	err := d.writer.SendBatch(ctx, batch).Close()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("commit %d events: %w", len(drafts), err)
	if !d.writer.IsClosed() && d.writer.PgConn().TxStatus() == 'E' {
		return err // the server said no before COMMIT
	}
	return unknownError{err}
}

// queueWrite makes sure that a transaction writes something. What it has read may
// be on no disk but the server's own, if that stopped waiting for a standby as a
// connection was lost or it was restarted. The commit of a write waits again, for
// that and all before it.
func (d *postgresDB) queueWrite(batch *pgx.Batch) { batch.Queue(d.probe) }

// committed implements database. Once it has the lock, the transaction
// in question has ended.
func (d *postgresDB) committed(ctx context.Context, event *alerting.Event) (found bool, err error) {
	if _, err := d.connect(ctx); err != nil {
		return false, err
	}
	batch := &pgx.Batch{}
	batch.Queue(beginCommitted)
	batch.Queue(`SELECT pg_advisory_xact_lock($1, $2)`, lockSpace, lockAppend)
	is := batch.Queue(`SELECT EXISTS (SELECT FROM events WHERE event_id = $1 AND seq = $2)`,
		event.ID().String(), event.Seq())
	is.QueryRow(func(row pgx.Row) error { return row.Scan(&found) })
	d.queueWrite(batch)
	batch.Queue(`COMMIT`)
	if err := d.writer.SendBatch(ctx, batch).Close(); err != nil {
		d.discard(ctx)
		return false, fmt.Errorf("ask for an event: %w", err)
	}
	d.used = time.Now()
	return found, nil
}
