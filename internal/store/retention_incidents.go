package store

import (
	"context"
	"database/sql"
	"fmt"
)

const (
	// retainIncidents is how many incidents retention looks at at once, and
	// retainDeliveries how many deliveries, with their attempts, one transaction deletes.
	retainIncidents  = 100
	retainDeliveries = 100
)

// What retention keeps to: an open incident is never deleted, nor one with a delivery
// that waits, also if somebody has it tried again at this moment. What belongs to an
// incident goes first, the incident itself last: what a process leaves behind that is
// gone, the next run finds.

// deleteOldIncidents deletes the incidents that were resolved longer ago than the
// retention, with all that belongs to them, in small transactions.
func (s *Store) deleteOldIncidents(ctx context.Context) error {
	if s.config.Retention <= 0 {
		return nil
	}
	var all uint64
	for {
		old, err := s.oldIncidents(ctx)
		if err != nil {
			return fmt.Errorf("look for old incidents: %w", err)
		}
		var rows uint64
		for more := len(old) > 0; more; {
			var incidents uint64
			if rows, incidents, err = s.deleteSomeOf(ctx, old); err != nil {
				return fmt.Errorf("delete old incidents: %w", err)
			}
			s.counts.deletedIncidents.Add(incidents)
			all += rows
			more = rows > 0 && incidents == 0
		}
		if rows == 0 { // there are none, or somebody has what is left
			break
		}
	}
	if all == 0 {
		return nil
	}
	return s.db.giveBack(ctx)
}

// oldIncidents returns the numbers of some that are to be deleted.
func (s *Store) oldIncidents(ctx context.Context) ([]int64, error) {
	var old []int64
	err := s.EachRow(ctx, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		old = append(old, n)
		return err
	}, `SELECT i.number FROM incidents i WHERE i.resolved <= `+s.db.dialect().Now+` - ?
		AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.incident = i.number AND d.status = 1)
		ORDER BY i.resolved LIMIT ?`, s.config.Retention.Microseconds(), retainIncidents)
	return old, err
}

// deleteSomeOf deletes a part of what belongs to incidents, or, once nothing does any
// more, the incidents. It returns how many rows it has deleted, and how many of them
// were incidents.
func (s *Store) deleteSomeOf(ctx context.Context, old []int64) (rows, incidents uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	// What has begun goes on to its end, so that what it did is known.
	err = s.write(context.WithoutCancel(ctx), func(ctx context.Context, tx *sql.Tx) (err error) {
		t := &Tx{store: s, tx: tx}
		rows, incidents = 0, 0
		if rows, err = t.deleteDeliveriesOf(ctx, old); err != nil || rows > 0 {
			return err
		}
		// Those of which somebody has a delivery tried again are not old any more.
		left, err := t.numbers(ctx, `SELECT i.number FROM incidents i WHERE i.number `+t.anyOf()+`
			AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.incident = i.number)`, t.list(old))
		if err != nil || len(left) == 0 {
			return err
		}
		for _, statement := range []string{
			`DELETE FROM incident_folds WHERE (incident, through) IN (SELECT incident, through FROM incident_folds WHERE incident ` + t.anyOf() + ` LIMIT ?)`,
			`DELETE FROM incident_entries WHERE id IN (SELECT id FROM incident_entries WHERE incident ` + t.anyOf() + ` LIMIT ?)`,
			`DELETE FROM notices WHERE (incident, number) IN (SELECT incident, number FROM notices WHERE incident ` + t.anyOf() + ` LIMIT ?)`,
		} {
			n, err := t.exec(ctx, statement, t.list(left), retainBatch-rows)
			if err != nil {
				return err
			}
			if rows += n; rows == retainBatch {
				return nil
			}
		}
		incidents, err = t.exec(ctx, `DELETE FROM incidents WHERE number `+t.anyOf(), t.list(left))
		rows += incidents
		return err
	})
	return rows, incidents, err
}

// deleteDeliveriesOf deletes some deliveries of incidents, with their attempts. Those
// that wait it leaves alone, and those that somebody else has just now.
func (t *Tx) deleteDeliveriesOf(ctx context.Context, old []int64) (uint64, error) {
	ended, err := t.numbers(ctx, `SELECT d.number FROM deliveries d WHERE d.incident `+t.anyOf()+` AND d.status <> 1 LIMIT ?`+
		t.store.db.dialect().SkipLocked, t.list(old), retainDeliveries)
	if err != nil || len(ended) == 0 {
		return 0, err
	}
	if _, err := t.exec(ctx, `DELETE FROM delivery_attempts WHERE delivery_id IN (SELECT delivery_id FROM deliveries WHERE number `+t.anyOf()+`)`,
		t.list(ended)); err != nil {
		return 0, err
	}
	return t.exec(ctx, `DELETE FROM deliveries WHERE number `+t.anyOf(), t.list(ended))
}

// numbers runs a query for numbers.
func (t *Tx) numbers(ctx context.Context, query string, args ...any) ([]int64, error) {
	var numbers []int64
	err := t.each(ctx, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		numbers = append(numbers, n)
		return err
	}, query, args...)
	return numbers, err
}

// anyOf and list are those of the dialect.
func (t *Tx) anyOf() string            { return t.store.db.dialect().AnyOf }
func (t *Tx) list(numbers []int64) any { return t.store.db.dialect().List(numbers) }
