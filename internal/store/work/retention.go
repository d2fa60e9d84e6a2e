package work

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/audit"
	"alertd/internal/incident"
)

const (
	// retainIncidents is how many incidents retention looks at at once, retainDeliveries
	// how many deliveries, with their attempts, one transaction deletes, and retainRows how
	// many other rows.
	retainIncidents  = 100
	retainDeliveries = 100
	retainRows       = 500
	// retainParts is into how many parts the retention is divided, for the audit log. Each
	// has one record, however often retention runs.
	retainParts = 24
)

// What retention keeps to: an open incident is never deleted, nor one with a delivery
// that waits, or that a digest is still to tell of. It deletes in turn, so that nobody has a delivery tried again meanwhile. What
// belongs to an incident goes first, the incident itself last: what a process leaves
// behind that is gone, the next run finds.

// Retain deletes the incidents that were resolved longer ago than the retention, with all
// that belongs to them, and the notes about events that are not kept any more, in small
// transactions. It returns how many incidents it has deleted. A retention of 0 keeps all.
func (w *Work) Retain(ctx context.Context, retention time.Duration) (deleted int64, err error) {
	err = w.store.Exclusive(ctx, "retention of incidents", func(ctx context.Context) error {
		for {
			var folds int64
			err := w.deleting(ctx, func(ctx context.Context, t *Tx) (err error) {
				if folds, err = t.forgetFolds(ctx, retainRows); err != nil {
					return err
				}
				return t.forgetActivity(ctx)
			})
			if err != nil {
				return err
			}
			if folds == 0 {
				break
			}
		}
		if retention <= 0 {
			return nil
		}
		if deleted, err = w.deleteOldIncidents(ctx, retention); err != nil {
			return err
		}
		return w.deleteOldDigests(ctx, retention)
	})
	return deleted, err
}

// deleting takes a turn that deletes. What has begun goes on to its end, so that
// what it did is known.
func (w *Work) deleting(ctx context.Context, f func(ctx context.Context, t *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return w.InTurn(context.WithoutCancel(ctx), f)
}

func (w *Work) deleteOldIncidents(ctx context.Context, retention time.Duration) (deleted int64, err error) {
	var all int64
	for {
		old, err := w.oldIncidents(ctx, retention)
		if err != nil {
			return deleted, fmt.Errorf("look for old incidents: %w", err)
		}
		var rows int64
		for more := len(old) > 0; more; {
			var incidents int64
			announced := w.announced
			err := w.deleting(ctx, func(ctx context.Context, t *Tx) (err error) {
				if rows, incidents, err = t.deleteSomeOf(ctx, old); err == nil && rows > 0 {
					announced, err = t.announce(ctx, retention)
				}
				return err
			})
			if err != nil {
				return deleted, fmt.Errorf("delete old incidents: %w", err)
			}
			w.announced = announced
			deleted += incidents
			w.deleted.Add(incidents)
			all += rows
			more = rows > 0 && incidents == 0
		}
		if rows == 0 { // there are none, or somebody has what is left
			break
		}
	}
	if all == 0 {
		return deleted, nil
	}
	return deleted, w.store.GiveBack(ctx)
}

// deleteOldDigests deletes digests that came to their end longer ago than the retention,
// except those that told of an incident that is still open: who was told so is to hear its
// end.
func (w *Work) deleteOldDigests(ctx context.Context, retention time.Duration) error {
	for more := true; more; {
		err := w.deleting(ctx, func(ctx context.Context, t *Tx) error {
			d := t.work.dialect()
			ended, err := t.numbers(ctx, `SELECT d.number FROM deliveries d WHERE d.incident = ? AND d.status > 2 AND d.finished <= ?
				AND NOT EXISTS (SELECT 1 FROM delivery_incidents o JOIN incidents i ON i.number = o.incident WHERE o.delivery = d.number AND i.status IN (1, 2))`+
				inOrder+` LIMIT ?`+d.SkipLocked, int64(incident.Digests), instant(t.now.Add(-retention)), retainDeliveries)
			if more = len(ended) > 0; err != nil || !more {
				return err
			}
			_, err = t.exec(ctx, `DELETE FROM notices WHERE incident = ? AND number IN (SELECT notice FROM deliveries WHERE number `+d.AnyOf+`)`,
				int64(incident.Digests), d.List(ended))
			if err == nil {
				_, err = t.deleteDeliveries(ctx, ended)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("delete old digests: %w", err)
		}
	}
	return nil
}

// announce writes to the audit log that incidents are deleted that were resolved before a
// time, unless it says so already. As with events, a record covers more than is deleted
// now, so that not each run has one: each transaction that deletes is covered by a record
// that was written in it or before it.
func (t *Tx) announce(ctx context.Context, retention time.Duration) (announced time.Time, err error) {
	announced = t.work.announced
	if resolved := t.now.Add(-retention); resolved.After(announced) {
		announced = resolved.Add(retention / retainParts)
		err = t.work.store.Record(ctx, t.tx, t.now, audit.By(ctx, audit.RetainIncidents, "").Changing(nil, struct {
			ResolvedBefore string `json:"resolved_before"`
			Retention      string `json:"retention"`
		}{alerting.FormatTime(announced), retention.String()}))
	}
	return announced, err
}

// oldIncidents returns the numbers of some that are to be deleted.
func (w *Work) oldIncidents(ctx context.Context, retention time.Duration) ([]int64, error) {
	now, err := w.Now(ctx)
	if err != nil {
		return nil, err
	}
	var old []int64
	err = w.each(ctx, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		old = append(old, n)
		return err
	}, `SELECT i.number FROM incidents i WHERE i.resolved <= ?
		AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.incident = i.number AND d.status IN (1, 2))
		AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.incident = i.number AND h.held = 1)
		ORDER BY i.resolved LIMIT ?`, instant(now.Add(-retention)), retainIncidents)
	return old, err
}

// deleteSomeOf deletes a part of what belongs to incidents, or, once nothing does any
// more, the incidents. It returns how many rows it has deleted, and how many of them
// were incidents.
func (t *Tx) deleteSomeOf(ctx context.Context, old []int64) (rows, incidents int64, err error) {
	d := t.work.dialect()
	if rows, err = t.deleteDeliveriesOf(ctx, old); err != nil || rows > 0 {
		return rows, 0, err
	}
	// Of the others somebody has a delivery just now, or it is being tried again.
	left, err := t.numbers(ctx, `SELECT i.number FROM incidents i WHERE i.number `+d.AnyOf+`
		AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.incident = i.number)`, d.List(old))
	if err != nil || len(left) == 0 {
		return 0, 0, err
	}
	for _, statement := range []string{
		`DELETE FROM incident_folds WHERE (incident, through) IN (SELECT incident, through FROM incident_folds WHERE incident ` + d.AnyOf + ` LIMIT ?)`,
		`DELETE FROM incident_entries WHERE id IN (SELECT id FROM incident_entries WHERE incident ` + d.AnyOf + ` LIMIT ?)`,
		`DELETE FROM holds WHERE (holder, incident) IN (SELECT holder, incident FROM holds WHERE incident ` + d.AnyOf + ` LIMIT ?)`,
		`DELETE FROM notices WHERE (incident, number) IN (SELECT incident, number FROM notices WHERE incident ` + d.AnyOf + ` LIMIT ?)`,
		`DELETE FROM timers WHERE kind = 1 AND subject IN (SELECT subject FROM timers WHERE kind = 1 AND subject ` + d.AnyOf + ` LIMIT ?)`,
	} {
		n, err := t.exec(ctx, statement, d.List(left), retainRows-rows)
		if err != nil {
			return rows, 0, err
		}
		if rows += n; rows >= retainRows {
			return rows, 0, nil
		}
	}
	incidents, err = t.exec(ctx, `DELETE FROM incidents WHERE number `+d.AnyOf, d.List(left))
	return rows + incidents, incidents, err
}

// deleteDeliveriesOf deletes some deliveries of incidents, with their attempts. Those
// that wait it leaves alone, and those that somebody else has just now.
func (t *Tx) deleteDeliveriesOf(ctx context.Context, old []int64) (int64, error) {
	d := t.work.dialect()
	ended, err := t.numbers(ctx, `SELECT d.number FROM deliveries d WHERE d.incident `+d.AnyOf+` AND d.status > 2`+inOrder+` LIMIT ?`+
		d.SkipLocked, d.List(old), retainDeliveries)
	if err != nil || len(ended) == 0 {
		return 0, err
	}
	return t.deleteDeliveries(ctx, ended)
}

// deleteDeliveries deletes deliveries with their attempts.
func (t *Tx) deleteDeliveries(ctx context.Context, ended []int64) (int64, error) {
	d := t.work.dialect()
	for _, statement := range []string{
		`DELETE FROM delivery_attempts WHERE delivery_id IN (SELECT delivery_id FROM deliveries WHERE number ` + d.AnyOf + `)`,
		`DELETE FROM delivery_incidents WHERE delivery ` + d.AnyOf,
	} {
		if _, err := t.exec(ctx, statement, d.List(ended)); err != nil {
			return 0, err
		}
	}
	return t.exec(ctx, `DELETE FROM deliveries WHERE number `+d.AnyOf, d.List(ended))
}

// numbers runs a query for numbers.
func (t *Tx) numbers(ctx context.Context, query string, args ...any) ([]int64, error) {
	var found []int64
	err := t.each(ctx, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		found = append(found, n)
		return err
	}, query, args...)
	return found, err
}
