package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/audit"
	"alertd/internal/store/searchindex"
)

const (
	retainEvery = time.Minute
	// retainBatch is how many events, or keys, one transaction deletes: few enough
	// that ingest does not notice.
	retainBatch = 500
	// retainParts is into how many parts what is kept is divided, for the audit log. Each
	// has one record, however often retention runs.
	retainParts = 24
)

// retentionLoop deletes what is too old, now and then, until ctx ends.
func (s *Store) retentionLoop(ctx context.Context) error {
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		n, err := s.Retain(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("old events are not deleted", "error", err)
		} else if n > 0 {
			s.log.Info("old events deleted", "events", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Retain deletes the events that are older than the retention or beyond the
// number of events to keep, and returns how many. It stops before events that a
// reader of the log has not seen, and always keeps the newest one, which holds
// the log's last number. Only the log's beginning is ever deleted.
func (s *Store) Retain(ctx context.Context) (deleted uint64, err error) {
	_, err = s.db.exclusive(ctx, "retention", func(ctx context.Context) error {
		for n := uint64(1); n > 0; {
			var err error
			n, err = s.retainSome(ctx)
			deleted += n
			s.counts.deleted.Add(n)
			if err != nil {
				return err
			}
			if err := s.db.giveBack(ctx); err != nil {
				return err
			}
		}
		if err := s.deleteOld(ctx, s.queries.deleteKeys, keyLifetime.Microseconds()); err != nil {
			return fmt.Errorf("delete old idempotency keys: %w", err)
		}
		if err := s.deleteOld(ctx, s.queries.deleteSessions, 0); err != nil {
			return fmt.Errorf("delete old sessions: %w", err)
		}
		return s.retainAudit(ctx)
	})
	if err != nil {
		return deleted, s.reading(err)
	}
	extent, err := s.Extent(ctx) // another replica may have been at it
	if err == nil && extent.First > 0 {
		s.segments.keepFrom(extent.First)
	}
	return deleted, err
}

// retainSome deletes up to retainBatch events.
func (s *Store) retainSome(ctx context.Context) (deleted uint64, err error) {
	extent, err := s.Extent(ctx)
	if err != nil || extent.Events() < 2 {
		return 0, err
	}
	keep := extent.First // the first event to keep
	if most := int64(max(0, s.config.RetentionEvents)); most > 0 && extent.Events() > most {
		keep = extent.Last + 1 - alerting.Seq(most)
	}
	if s.config.Retention > 0 {
		young, err := s.readNumber(ctx, s.queries.keepFrom, retainBatch, s.config.Retention.Microseconds())
		if err != nil {
			return 0, fmt.Errorf("look for old events: %w", err)
		}
		if young.Valid {
			keep = max(keep, alerting.Seq(young.Int64))
		} else {
			keep = max(keep, extent.First+retainBatch)
		}
	}
	slowest, err := s.readNumber(ctx, s.queries.slowest)
	if err != nil {
		return 0, fmt.Errorf("look for the slowest reader: %w", err)
	}
	if slowest.Valid {
		keep = min(keep, alerting.Seq(slowest.Int64)+1)
	}
	keep = min(keep, extent.Last, extent.First+retainBatch)
	if keep <= extent.First {
		return 0, nil
	}
	whole := searchindex.SegmentOf(keep) // segments below it have no events left
	announced := s.announced
	// What has begun goes on to its end, so that what it did is known.
	err = s.write(context.WithoutCancel(ctx), func(ctx context.Context, tx *sql.Tx) (err error) {
		if err := s.untally(ctx, tx, keep-1); err != nil {
			return err
		}
		if deleted, err = affected(tx.ExecContext(ctx, s.queries.deleteEvents, keep)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, s.queries.deleteBlocks, searchindex.BlockID(whole, 0)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, s.queries.deleteSegments, whole); err != nil {
			return err
		}
		announced, err = s.announce(ctx, tx, extent, keep-1)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete old events: %w", err)
	}
	s.announced = announced
	s.segments.keepFrom(keep)
	return deleted, nil
}

// announce writes to the audit log that events are deleted through a number, unless it says
// so already. A record covers more than is deleted now: retention takes a few events each
// minute for ever, and a record for each run would leave nothing else to be seen. So each
// transaction that deletes is covered by a record that was written in it or before it.
func (s *Store) announce(ctx context.Context, tx Transaction, extent alerting.Extent, through alerting.Seq) (announced alerting.Seq, err error) {
	if through <= s.announced {
		return s.announced, nil
	}
	now, err := s.timeIn(ctx, tx)
	if err != nil {
		return s.announced, err
	}
	announced = through + alerting.Seq(extent.Events()/retainParts)
	err = s.Record(ctx, tx, now, audit.By(ctx, audit.RetainEvents, "").Changing(nil, struct {
		From      alerting.Seq `json:"from"`
		Through   alerting.Seq `json:"through"`
		Retention string       `json:"retention"`
		Events    int          `json:"retention_events"`
	}{extent.First, announced, s.config.Retention.String(), s.config.RetentionEvents}))
	return announced, err
}

// timeIn returns the time in a transaction.
func (s *Store) timeIn(ctx context.Context, tx Transaction) (time.Time, error) {
	var now int64
	err := tx.QueryRowContext(ctx, `SELECT `+s.db.dialect().Now).Scan(&now)
	return time.UnixMicro(now), err
}

// deleteOld deletes what is older than an age, in microseconds, by a query that takes it and
// a number of rows.
func (s *Store) deleteOld(ctx context.Context, query string, age int64) error {
	for n := uint64(1); n > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.write(context.WithoutCancel(ctx), func(ctx context.Context, tx *sql.Tx) (err error) {
			n, err = affected(tx.ExecContext(ctx, query, age, retainBatch))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// affected returns how many rows a statement has changed.
func affected(result sql.Result, err error) (uint64, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return uint64(max(0, n)), err
}

// readNumber runs a query for a number that there may not be.
func (s *Store) readNumber(ctx context.Context, query string, args ...any) (number sql.NullInt64, err error) {
	err = s.read(ctx, s.db.read(), func(ctx context.Context, db querier) error {
		return db.QueryRowContext(ctx, query, args...).Scan(&number)
	})
	return number, err
}
