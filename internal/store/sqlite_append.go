package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"alertd/internal/alerting"
)

// An INSERT takes up to maxEventRows rows of eventInsertColumns values each. There is a
// statement for each number of rows, so that a usual commit has one of them.
const (
	maxEventRows       = 64
	eventInsertColumns = 5
)

// append implements database. A commit that fails is undone by SQLite itself or by
// the rollback, so that its outcome is known: it came to nothing. It cannot be
// interrupted, as nothing in it waits for anyone but the disk.
func (d *sqliteDB) append(ctx context.Context, drafts []*alerting.Draft, expect func([]placed)) (places []placed, err error) {
	ctx = context.WithoutCancel(ctx) // else the driver starts a goroutine for each statement
	if err := d.take(ctx); err != nil {
		return nil, err
	}
	defer d.give()
	if err := d.inPlace(); err != nil {
		return nil, err
	}
	if _, err := d.begin.ExecContext(ctx); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer func() {
		if err != nil {
			d.last = -1
			_, _ = d.rollback.ExecContext(ctx) // what went wrong is said already
		}
	}()
	if d.last < 0 {
		if err := d.conn.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM events`).Scan(&d.last); err != nil {
			return nil, fmt.Errorf("read last number: %w", err)
		}
	}
	places, err = d.place(ctx, drafts)
	if err != nil {
		return nil, err
	}
	if err := d.insert(ctx, drafts, places); err != nil {
		return nil, err
	}
	if len(drafts) == 0 {
		if _, err := d.conn.ExecContext(ctx, newQueries(d.dialect()).probe); err != nil {
			return nil, fmt.Errorf("probe: %w", err)
		}
	}
	expect(places)
	if _, err := d.commit.ExecContext(ctx); err != nil {
		return nil, fmt.Errorf("commit %d events: %w", len(drafts), err)
	}
	return places, nil
}

// place numbers the drafts that are new, and finds the first events of the others.
func (d *sqliteDB) place(ctx context.Context, drafts []*alerting.Draft) ([]placed, error) {
	batch := newBatch(drafts, d.last)
	for i, draft := range drafts {
		first, err := d.known(ctx, draft)
		if err != nil {
			return nil, fmt.Errorf("look for known ids: %w", err)
		}
		batch.place(i, first)
	}
	d.last = batch.last
	return batch.places, nil
}

// known returns the event that was registered with the draft's id or idempotency
// key, or nil.
func (d *sqliteDB) known(ctx context.Context, draft *alerting.Draft) (*alerting.Event, error) {
	if draft.IDGiven() {
		id := draft.ID()
		if first, err := knownAs(d.byID.QueryRowContext(ctx, id[:])); first != nil || err != nil {
			return first, err
		}
	}
	if key := draft.IdempotencyKey(); key != "" {
		return knownAs(d.byKey.QueryRowContext(ctx, key, keyLifetime.Microseconds()))
	}
	return nil, nil
}

// knownAs returns the event in a row, nil if there is no row.
func knownAs(row *sql.Row) (*alerting.Event, error) {
	var kept keptEvent
	if err := row.Scan(kept.columns()...); errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return kept.load()
}

func (d *sqliteDB) insert(ctx context.Context, drafts []*alerting.Draft, places []placed) error {
	d.args = d.args[:0]
	for i, draft := range drafts {
		if places[i].seq == 0 {
			continue
		}
		event := draft.Finish(places[i].seq)
		id := event.ID()
		d.args = append(d.args, int64(event.Seq()), id[:], event.ReceivedAt().UnixMicro(), event.JSON(), number(event.Dispatch()))
		places[i].event = event
		if len(d.args) == maxEventRows*eventInsertColumns {
			if err := d.insertArgs(ctx); err != nil {
				return err
			}
		}
		if draft.IdempotencyKey() != "" {
			if _, err := d.insertKey.ExecContext(ctx, draft.IdempotencyKey(), id[:]); err != nil {
				return fmt.Errorf("insert idempotency key: %w", err)
			}
		}
	}
	return d.insertArgs(ctx)
}

// insertArgs inserts the events whose values are gathered.
func (d *sqliteDB) insertArgs(ctx context.Context) error {
	rows := len(d.args) / eventInsertColumns
	if rows == 0 {
		return nil
	}
	defer func() { // nothing of them stays behind
		clear(d.args)
		d.args = d.args[:0]
	}()
	statement := &d.insertEvents[rows-1]
	if *statement == nil {
		values := strings.Repeat(`, (?, ?, ?, ?, ?)`, rows)[2:]
		prepared, err := d.conn.PrepareContext(ctx, `INSERT INTO events (seq, event_id, received, json, dispatch) VALUES `+values) //nolint:gosec,sqlclosecheck // placeholders alone; close closes it
		if err != nil {
			return fmt.Errorf("prepare to insert %d events: %w", rows, err)
		}
		*statement = prepared
	}
	if _, err := (*statement).ExecContext(ctx, d.args...); err != nil {
		return fmt.Errorf("insert %d events: %w", rows, err)
	}
	return nil
}

// committed implements database. It is never asked; see append.
func (d *sqliteDB) committed(context.Context, *alerting.Event) (bool, error) { return false, nil }
