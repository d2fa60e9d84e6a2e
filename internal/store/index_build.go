package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"

	"alertd/internal/alerting"
)

// posting is a term with the slots that have it, ascending.
type posting struct {
	term  uint64
	slots []uint16
}

// maxIndexedMessage is how many bytes a message can have whose text is in the index.
// A longer one, such as a stack trace, would take a hundred times the memory and the
// room of a usual one; its event is looked at whatever text is wanted.
const maxIndexedMessage = 512

// segmentBuilder gathers what is indexed of a segment's events.
type segmentBuilder struct {
	zones [zoneCount]zone
	named map[uint64][]uint16
	text  []uint64 // each a term, less its uppermost byte, and a slot
	long  []uint16 // whose messages are too long
}

func newSegmentBuilder() *segmentBuilder {
	b := &segmentBuilder{named: make(map[uint64][]uint16), text: make([]uint64, 0, 64*segmentSize)}
	for i := range b.zones {
		b.zones[i] = zone{math.MaxInt64, math.MinInt64}
	}
	return b
}

// add takes the next events, in their order. The segment's first ones may be
// missing, as retention has deleted them.
func (b *segmentBuilder) add(events []*alerting.Event) {
	text := b.text
	for _, event := range events {
		slot := uint16(slotOf(event.Seq())) //nolint:gosec // less than segmentSize
		z, at := &b.zones[slot/zoneSize], event.Timestamp().UnixMicro()
		z.least, z.most = min(z.least, at), max(z.most, at)
		kind, source := kindTerm(event.Severity(), event.Category()), sourceTerm(event.Source())
		b.named[kind] = append(b.named[kind], slot)
		b.named[source] = append(b.named[source], slot)
		if len(event.Message()) > maxIndexedMessage {
			b.long = append(b.long, slot)
			continue
		}
		folded := fold(event.Message())
		for at := range len(folded) {
			text = append(text, textTerm(folded, at)<<16|uint64(slot))
		}
	}
	b.text = text
}

// postings returns the terms, ascending.
func (b *segmentBuilder) postings() []posting {
	postings := make([]posting, 0, len(b.named)+4096)
	for term, in := range b.named {
		postings = append(postings, posting{term, in})
	}
	slices.SortFunc(postings, func(a, b posting) int {
		if a.term < b.term {
			return -1
		}
		return 1 // there are no two alike
	})
	postings = appendText(postings, b.text)
	if len(b.long) > 0 {
		postings = append(postings, posting{termLong, b.long})
	}
	return postings
}

// appendText gathers pairs of a text's term, less its uppermost byte, and a slot.
// They come with their slots ascending, so that a sort by the term alone will do.
func appendText(postings []posting, pairs []uint64) []posting {
	pairs = sortByBytes(pairs, 16, 24, 32)
	list := make([]uint16, 0, len(pairs))
	for i, pair := range pairs {
		if i > 0 && pair == pairs[i-1] {
			continue
		}
		slot := uint16(pair) //nolint:gosec // its lower half
		if i == 0 || pair>>16 != pairs[i-1]>>16 {
			list = list[len(list):]
			postings = append(postings, posting{term: termText | pair>>16&0xffffff})
		}
		list = append(list, slot)
		postings[len(postings)-1].slots = list
	}
	return postings
}

// sortByBytes is a stable radix sort by the bytes at the shifts, the least
// significant first. It is what keeps the index from costing ingest (BenchmarkIndex).
func sortByBytes(values []uint64, shifts ...int) []uint64 {
	spare := make([]uint64, len(values))
	for _, shift := range shifts {
		var counts [257]int
		for _, v := range values {
			counts[v>>shift&0xff+1]++
		}
		for i := 1; i < len(counts); i++ {
			counts[i] += counts[i-1]
		}
		for _, v := range values {
			digit := v >> shift & 0xff
			spare[counts[digit]] = v
			counts[digit]++
		}
		values, spare = spare, values
	}
	return values
}

// run indexes segments as they become complete, until ctx ends.
func (x *index) run(ctx context.Context) error {
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
func (x *index) todo() (int64, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.next, x.last >= lastOf(x.next)
}

// build indexes a segment, unless another replica does.
func (x *index) build(ctx context.Context, number int64) error {
	extent, err := x.store.Extent(ctx)
	if err != nil {
		return err
	}
	if segmentOf(max(1, extent.First)) > number { // retention was faster
		x.keepFrom(extent.First)
		return nil
	}
	if err := x.load(ctx); err != nil || x.segment(number) != nil {
		return err
	}
	builder := newSegmentBuilder()
	err = x.store.eachBetween(ctx, max(extent.First, firstOf(number)), lastOf(number), builder.add)
	if isDamaged(err) {
		x.store.log.Error("a part of the log gets no index, queries that reach it are slower", "segment", number, "error", err)
		x.learn(number, nil)
		return nil
	}
	if err != nil {
		return err
	}
	data := encodeSegment(number, &builder.zones, builder.postings())
	built, err := decodeSegment(number, data)
	if err != nil {
		return fmt.Errorf("build index: segment %d: %w", number, err)
	}
	ran, err := x.store.db.exclusive(ctx, "index", func(ctx context.Context) error { return x.save(ctx, number, data) })
	switch {
	case errors.Is(err, sql.ErrNoRows): // retention was faster
	case err != nil:
		return fmt.Errorf("build index: segment %d: %w", number, err)
	case ran && x.segment(number) == nil: // else another replica was faster
		x.learn(number, built)
	case ran:
	default: // another replica is at it, and load will find what it writes
		newBackoff().sleep(ctx)
	}
	return nil
}

// save writes a segment's index, if no other replica has done so.
func (x *index) save(ctx context.Context, number int64, data segmentData) error {
	if err := x.load(ctx); err != nil || x.segment(number) != nil {
		return err
	}
	return x.store.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		// Retention deletes an index with its events: it must not come after that.
		var last int64
		if err := tx.QueryRowContext(ctx, x.store.queries.keepEvent, int64(lastOf(number))).Scan(&last); err != nil {
			return err
		}
		insert, err := tx.PrepareContext(ctx, x.store.queries.insertBlock)
		if err != nil {
			return err
		}
		defer func() { _ = insert.Close() }() // it ends with the transaction
		for n, block := range data.blocks {
			if _, err := insert.ExecContext(ctx, blockID(number, n), block); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, x.store.queries.insertSegment, number, data.zones, data.directory, []byte(data.presence))
		return err
	})
}
