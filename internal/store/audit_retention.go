package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"alertd/internal/audit"
)

// retainAudit deletes the records that are older than the retention of the audit log,
// always a beginning of it, in small transactions. The newest one is kept. The first
// transaction signs off in the chain how far the run goes; each leaves the last record that it
// has removed as the start of the chain.
//
// A run waits until the oldest record is older by a part of the retention: else each run's
// own record would be the reason for another run.
func (s *Store) retainAudit(ctx context.Context) error {
	retention := s.config.AuditRetention
	if retention <= 0 {
		return nil
	}
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	first, through, err := s.oldAudit(ctx, now.Add(-retention), now.Add(-retention-retention/retainParts))
	for start := first - 1; err == nil && start < through; {
		if err = ctx.Err(); err != nil {
			break
		}
		to := min(through, start+retainBatch)
		// What has begun goes on to its end, so that what it did is known.
		err = s.write(context.WithoutCancel(ctx), func(ctx context.Context, tx *sql.Tx) error {
			return s.deleteAudit(ctx, tx, now, to, through, start == first-1)
		})
		start = to
	}
	if err != nil {
		return fmt.Errorf("delete old records of the audit log: %w", err)
	}
	return nil
}

// oldAudit returns the first record, and the last one to be deleted: that before the first
// of the time keep or later. It is 0 if the first one is not older than due.
func (s *Store) oldAudit(ctx context.Context, keep, due time.Time) (first, through int64, err error) {
	err = s.read(ctx, s.db.upkeep(), func(ctx context.Context, db querier) error {
		var at, young, last sql.NullInt64
		err := db.QueryRowContext(ctx, `SELECT number, at FROM audit ORDER BY number LIMIT 1`).Scan(&first, &at)
		if errors.Is(err, sql.ErrNoRows) || err == nil && at.Int64 >= due.UnixMicro() {
			through = 0
			return nil
		}
		if err != nil {
			return err
		}
		err = db.QueryRowContext(ctx, s.sql(`SELECT (SELECT min(number) FROM audit WHERE at >= ?), (SELECT max(number) FROM audit)`), keep.UnixMicro()).Scan(&young, &last)
		through = last.Int64 - 1
		if young.Valid {
			through = min(through, young.Int64-1)
		}
		return err
	})
	return first, through, err
}

// deleteAudit deletes the records up to a number. signOff says that it is the first part
// of a run that goes on through another one.
func (s *Store) deleteAudit(ctx context.Context, tx Transaction, now time.Time, to, through int64, signOff bool) error {
	if _, err := s.holdAuditHead(ctx, tx); err != nil {
		return err
	}
	if signOff {
		end, err := s.auditMark(ctx, tx, through)
		if err != nil {
			return err
		}
		if err := s.Record(ctx, tx, now, audit.SignOff(ctx, end)); err != nil {
			return err
		}
	}
	start, err := s.auditMark(ctx, tx, to)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, s.sql(`UPDATE audit_head SET start_number = ?, start_hash = ? WHERE id = 1`), start.Number, start.Hash.String()); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, s.sql(`DELETE FROM audit WHERE number <= ?`), to)
	return err
}

// auditMark returns a record's place, with the hash that the next one has of it: that is
// what the chain is verified by when it begins there.
func (s *Store) auditMark(ctx context.Context, tx Transaction, number int64) (audit.Mark, error) {
	mark, err := scanMark(tx.QueryRowContext(ctx, s.sql(`SELECT number, previous FROM audit WHERE number = ?`), number+1))
	mark.Number = number
	return mark, err
}
