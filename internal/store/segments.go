package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"alertd/internal/alerting"
	"alertd/internal/store/searchindex"
)

// segments has the log's segments indexed as they become complete, and keeps their index
// in the database. It implements searchindex.Blobs. Safe for concurrent use.
type segments struct {
	store *Store
	index *searchindex.Index
	wake  chan struct{} // holds one: a segment may be complete

	mu   sync.Mutex
	last alerting.Seq // the last number that was published
}

func newSegments(s *Store) *segments {
	x := &segments{store: s, wake: make(chan struct{}, 1)}
	x.index = searchindex.New(x, s.log)
	return x
}

// published notes that all events up to a number were published.
func (x *segments) published(last alerting.Seq) {
	x.mu.Lock()
	x.last = last
	x.mu.Unlock()
	if last < searchindex.LastOf(x.index.Next()) {
		return
	}
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// unindexed returns how many published events are not indexed.
func (x *segments) unindexed() int64 {
	first := searchindex.FirstOf(x.index.Next())
	x.mu.Lock()
	defer x.mu.Unlock()
	return int64(max(x.last+1, first) - first)
}

// keepFrom drops what is known of the events before a number, which are deleted.
func (x *segments) keepFrom(first alerting.Seq) {
	x.index.KeepFrom(first)
	x.store.buffer.Forget(first)
}

// run indexes segments until ctx ends.
func (x *segments) run(ctx context.Context) error {
	wait := newBackoff()
	for ctx.Err() == nil {
		switch number, complete := x.todo(); {
		case !complete:
			wait = newBackoff()
			select {
			case <-ctx.Done():
			case <-x.wake:
			}
		default:
			if err := x.build(ctx, number); err != nil && ctx.Err() == nil {
				x.store.log.Warn("the index is behind, queries of older events are slower", "segment", number, "error", err)
				wait.sleep(ctx)
			}
		}
	}
	return nil
}

// todo returns the next segment to index, and whether all its events are there.
func (x *segments) todo() (number int64, complete bool) {
	number = x.index.Next()
	x.mu.Lock()
	defer x.mu.Unlock()
	return number, x.last >= searchindex.LastOf(number)
}

// build indexes a segment, unless another replica does.
func (x *segments) build(ctx context.Context, number int64) error {
	extent, err := x.store.extentBy(ctx, x.store.db.upkeep())
	if err != nil {
		return err
	}
	if searchindex.SegmentOf(max(1, extent.First)) > number { // retention was faster
		x.keepFrom(extent.First)
		return nil
	}
	if err := x.index.Load(ctx); err != nil || x.index.Has(number) {
		return err
	}
	builder := searchindex.NewBuilder()
	err = x.store.eachBetween(ctx, max(extent.First, searchindex.FirstOf(number)), searchindex.LastOf(number), builder.Add)
	if isDamaged(err) {
		x.store.log.Error("a part of the log gets no index, queries that reach it are slower", "segment", number, "error", err)
		x.index.Skip(number)
		return nil
	}
	if err != nil {
		return err
	}
	built := builder.Segment(number)
	ran, err := x.store.db.exclusive(ctx, "index", func(ctx context.Context) error { return x.save(ctx, number, built) })
	switch {
	case errors.Is(err, sql.ErrNoRows): // retention was faster
	case err != nil:
		return fmt.Errorf("build index: segment %d: %w", number, err)
	case ran && !x.index.Has(number): // else another replica was faster
		return x.index.Learn(number, built)
	case ran:
	default: // another replica is at it, and Load will find what it writes
		newBackoff().sleep(ctx)
	}
	return nil
}

// save writes a segment's index, if no other replica has done so.
func (x *segments) save(ctx context.Context, number int64, s searchindex.Segment) error {
	if err := x.index.Load(ctx); err != nil || x.index.Has(number) {
		return err
	}
	return x.store.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		// Retention deletes an index with its events: it must not come after that.
		var last int64
		if err := tx.QueryRowContext(ctx, x.store.queries.keepEvent, searchindex.LastOf(number)).Scan(&last); err != nil {
			return err
		}
		insert, err := tx.PrepareContext(ctx, x.store.queries.insertBlock)
		if err != nil {
			return err
		}
		defer func() { _ = insert.Close() }() // it ends with the transaction
		for n, block := range s.Blocks {
			if _, err := insert.ExecContext(ctx, searchindex.BlockID(number, n), block); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, x.store.queries.insertSegment, number, s.Zones, s.Directory, s.Presence)
		return err
	})
}

// Segments implements searchindex.Blobs.
func (x *segments) Segments(ctx context.Context, from int64, take func(number int64, s searchindex.Segment)) error {
	return x.store.read(ctx, x.store.db.upkeep(), func(ctx context.Context, db querier) error {
		return eachRow(ctx, db, func(rows *sql.Rows) error {
			var number int64
			var s searchindex.Segment
			if err := rows.Scan(&number, &s.Zones, &s.Directory, &s.Presence); err != nil {
				return err
			}
			take(number, s)
			return nil
		}, x.store.queries.segments, from-1)
	})
}

// Blocks implements searchindex.Blobs.
func (x *segments) Blocks(ctx context.Context, ids []int64) (map[int64][]byte, error) {
	blocks := make(map[int64][]byte, len(ids)) // a read that is repeated fills in the same
	err := x.store.EachRow(ctx, func(rows *sql.Rows) error {
		var id int64
		var data []byte
		err := rows.Scan(&id, &data)
		blocks[id] = data
		return err
	}, x.store.queries.blocks, x.store.db.dialect().List(ids))
	return blocks, err
}
