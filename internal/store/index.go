package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"

	"alertd/internal/alerting"
)

// The index answers "which events of a segment can match". A segment is a run of
// segmentSize numbers. Once all its events are there, the indexer reads them and
// writes, in one short transaction, for each term (a severity with its category,
// a source, three bytes of a message) the slots of the events that have it, and
// for each zone of zoneSize events the range of their timestamps. Ingest itself
// writes no index, so that a commit touches a few pages only, whatever queries
// need; and what was written is never changed, as events are not.
//
// A message of more than maxIndexedMessage bytes has one term for all its text,
// which every query for a text looks for, too. Segments that were written before
// that was so have no such term, and the text of all their messages: both are read
// alike.
//
// The terms of a segment are sorted and packed into blocks. In memory there are,
// for each segment, the first term of each block (the directory), the zones, and a
// filter that tells of most terms which segments do not have them: about 12 KiB
// for 8,192 events. The newest events are in memory as they are, and
// with them what is not indexed yet, unless that is very much.
//
// The index only ever narrows down: each event that it names is looked at again
// with the filter itself.
const (
	segmentBits = 13
	segmentSize = 1 << segmentBits
	zoneSize    = 256
	zoneCount   = segmentSize / zoneSize
)

// segmentOf, slotOf and lastOf place a sequence number, which is at least 1.
func segmentOf(seq alerting.Seq) int64   { return int64(seq-1) >> segmentBits }
func slotOf(seq alerting.Seq) int        { return int((seq - 1) & (segmentSize - 1)) }
func firstOf(segment int64) alerting.Seq { return alerting.Seq(segment<<segmentBits + 1) }
func lastOf(segment int64) alerting.Seq  { return alerting.Seq((segment + 1) << segmentBits) }
func blockID(segment int64, n int) int64 { return segment<<16 | int64(n) }

// zone is the range of the timestamps in a zone, in microseconds since 1970.
type zone struct{ least, most int64 }

// segment is what is kept in memory of an indexed segment. It is never changed.
type segment struct {
	zones     [zoneCount]zone
	directory []uint64 // the first term of each block
	presence  presence
}

// blocksOf returns the numbers of the blocks that can hold a term of the range.
func (s *segment) blocksOf(r termRange) (from, to int) {
	from, found := slices.BinarySearch(s.directory, r.from)
	if !found {
		from = max(0, from-1)
	}
	for to = from; to < len(s.directory) && s.directory[to] <= r.to; to++ {
	}
	return from, to
}

// index finds events by what is in them. Safe for concurrent use.
type index struct {
	store *Store
	wake  chan struct{} // holds one: a segment may be complete

	mu       sync.RWMutex
	segments map[int64]*segment
	next     int64        // the first segment that is not indexed
	last     alerting.Seq // the last number that was published
}

func newIndex(s *Store) *index {
	return &index{
		store: s, wake: make(chan struct{}, 1),
		segments: make(map[int64]*segment),
	}
}

// load reads which segments are indexed, from the first that is not known on.
func (x *index) load(ctx context.Context) error {
	err := x.store.read(ctx, x.store.db.read(), func(ctx context.Context, db querier) error {
		x.mu.RLock()
		known := x.next - 1
		x.mu.RUnlock()
		return eachRow(ctx, db, func(rows *sql.Rows) error {
			var number int64
			var data segmentData
			if err := rows.Scan(&number, &data.zones, &data.directory, &data.presence); err != nil {
				return err
			}
			if loaded, err := decodeSegment(number, data); err != nil {
				x.damaged(number)
			} else {
				x.learn(number, loaded)
			}
			return nil
		}, x.store.queries.segments, known)
	})
	if err != nil {
		return fmt.Errorf("load index: %w", err)
	}
	return nil
}

// damaged gives up a segment's index: its events are all looked at, which is
// slower and right.
func (x *index) damaged(number int64) {
	x.store.log.Error("a part of the index is damaged, queries that reach it are slower", "segment", number)
	x.learn(number, nil)
}

// learn notes that a segment is indexed; nil stands for one that must do without.
func (x *index) learn(number int64, s *segment) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.segments[number] = s
	x.next = max(x.next, number+1)
}

// keepFrom drops what is known of the events before a number, which are deleted.
func (x *index) keepFrom(first alerting.Seq) {
	x.mu.Lock()
	defer x.mu.Unlock()
	below := segmentOf(first)
	for number := range x.segments {
		if number < below {
			delete(x.segments, number)
		}
	}
	x.next = max(x.next, below)
	x.store.buffer.Forget(first)
}

func (x *index) segment(number int64) *segment {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.segments[number]
}

// firstMissing returns the first number that is not indexed.
func (x *index) firstMissing() alerting.Seq {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return firstOf(x.next)
}

// unindexed returns how many published events are not indexed.
func (x *index) unindexed() int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return int64(max(x.last+1, firstOf(x.next)) - firstOf(x.next))
}

// add notes that all events up to a number were published.
func (x *index) add(last alerting.Seq) {
	x.mu.Lock()
	x.last = last
	complete := x.last >= lastOf(x.next)
	x.mu.Unlock()
	if complete {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}
}

// slots is a set of slots of a segment.
type slots [segmentSize / 64]uint64

func (s *slots) add(slot int)      { s[slot>>6] |= 1 << (slot & 63) }
func (s *slots) has(slot int) bool { return s[slot>>6]>>(slot&63)&1 == 1 }

func (s *slots) and(other *slots) {
	for i := range s {
		s[i] &= other[i]
	}
}

// below drops the slots from a number on.
func (s *slots) below(slot int) {
	for i := range s {
		switch from := i << 6; {
		case slot <= from:
			s[i] = 0
		case slot < from+64:
			s[i] &= 1<<(slot-from) - 1
		}
	}
}

// from drops the slots before a number.
func (s *slots) from(slot int) {
	var before slots
	before.fill()
	before.below(slot)
	for i := range s {
		s[i] &^= before[i]
	}
}

func (s *slots) fill() {
	for i := range s {
		s[i] = math.MaxUint64
	}
}

// appendSeqs appends the numbers of the slots, the greatest first.
func (s *slots) appendSeqs(seqs []int64, segment int64) []int64 {
	for i := len(s) - 1; i >= 0; i-- {
		for word := s[i]; word != 0; {
			bit := 63 - bits.LeadingZeros64(word)
			word &^= 1 << bit
			seqs = append(seqs, int64(firstOf(segment))+int64(i<<6+bit))
		}
	}
	return seqs
}

// count returns how many slots there are.
func (s *slots) count() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// inTime returns the slots of the zones that reach into the plan's time.
func (p *plan) inTime(s *segment) slots {
	var set slots
	for i, z := range s.zones {
		if p.inZone(z) {
			for word := i * zoneSize / 64; word < (i+1)*zoneSize/64; word++ {
				set[word] = math.MaxUint64
			}
		}
	}
	return set
}

func (p *plan) inZone(z zone) bool { return z.most >= p.since && z.least < p.until }

// may reports whether a segment can have a term of the range.
func (s *segment) may(r termRange) bool { return r.from != r.to || s.presence.may(r.from) }

// mayMatch reports whether a segment can have an event of the plan, by what is in
// memory.
func (p *plan) mayMatch(s *segment) bool {
	for _, groups := range p.stages {
		for _, group := range groups {
			if !slices.ContainsFunc(group, s.may) {
				return false
			}
		}
	}
	return slices.ContainsFunc(s.zones[:], p.inZone)
}

// candidates returns which slots of one segment can match.
func (x *index) candidates(ctx context.Context, p *plan, number int64) (slots, error) {
	sets, err := x.candidatesOf(ctx, p, []int64{number})
	if err != nil {
		return slots{}, err
	}
	return sets[0], nil
}

// fewCandidates is how many events it costs less to read than to look further
// into the index.
const fewCandidates = 24

// candidatesOf does so for several segments, with one query for each stage of the
// plan. Segments with few candidates left are not looked at further.
func (x *index) candidatesOf(ctx context.Context, p *plan, numbers []int64) ([]slots, error) {
	look := lookup{index: x, numbers: numbers, sets: make([]slots, len(numbers)), known: make([]*segment, len(numbers))}
	for i, number := range numbers {
		switch s := x.segment(number); {
		case s == nil:
			look.sets[i].fill()
		case p.mayMatch(s):
			look.known[i] = s
			look.sets[i] = p.inTime(s)
		}
	}
	for n, groups := range p.stages {
		for i := range look.known {
			if n > 0 && look.sets[i].count() <= fewCandidates {
				look.known[i] = nil
			}
		}
		if err := look.narrow(ctx, groups); err != nil {
			return nil, err
		}
	}
	return look.sets, nil
}

// lookup looks for terms in several segments at once.
type lookup struct {
	index   *index
	numbers []int64
	known   []*segment // nil: not indexed, or nothing more to look for
	sets    []slots
}

// narrow leaves of each set the slots that have a term of each group.
func (l *lookup) narrow(ctx context.Context, groups []group) error {
	var wanted []int64
	for i, s := range l.known {
		for _, group := range groups {
			for _, r := range group {
				if s == nil || !s.may(r) {
					continue
				}
				for n, to := s.blocksOf(r); n < to; n++ {
					wanted = append(wanted, blockID(l.numbers[i], n))
				}
			}
		}
	}
	if len(wanted) == 0 {
		for i, s := range l.known {
			if s != nil {
				l.sets[i] = slots{}
			}
		}
		return nil
	}
	slices.Sort(wanted)
	blocks, err := l.index.readBlocks(ctx, slices.Compact(wanted))
	if err != nil {
		return err
	}
	for i, s := range l.known {
		if s == nil {
			continue
		}
		for _, group := range groups {
			l.sets[i].and(l.either(l.numbers[i], s, group, blocks))
		}
	}
	return nil
}

// either returns the slots of a segment that have a term of the group. Where the
// index cannot tell, these are all.
func (l *lookup) either(number int64, s *segment, group group, blocks map[int64][]byte) *slots {
	var either slots
	for _, r := range group {
		if !s.may(r) {
			continue
		}
		for n, to := s.blocksOf(r); n < to; n++ {
			id := blockID(number, n)
			data, ok := blocks[id]
			if !ok { // retention took it, probably with its events
				either.fill()
				continue
			}
			block, err := unseal(id, data)
			if err == nil {
				err = readTerms(block, s.directory[n], r, &either)
			}
			if err != nil {
				l.index.damaged(number)
				either.fill()
			}
		}
	}
	return &either
}

func (x *index) readBlocks(ctx context.Context, ids []int64) (map[int64][]byte, error) {
	blocks := make(map[int64][]byte, len(ids)) // what is read twice is the same
	err := x.store.read(ctx, x.store.db.read(), func(ctx context.Context, db querier) error {
		return eachRow(ctx, db, func(rows *sql.Rows) error {
			var id int64
			var data []byte
			err := rows.Scan(&id, &data)
			blocks[id] = data
			return err
		}, x.store.queries.blocks, x.store.db.dialect().List(ids))
	})
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	return blocks, nil
}

// walk goes through the numbers that can match, the greatest first.
type walk struct {
	index    *index
	plan     *plan
	first    alerting.Seq // the smallest number wanted
	before   alerting.Seq // goes down
	segments int          // how many to look at next
	pending  []int64
}

// backwards walks from the number before another down to first.
func (x *index) backwards(p *plan, first, before alerting.Seq) *walk {
	return &walk{index: x, plan: p, first: max(1, first), before: before, segments: 1}
}

// next returns about the next n numbers that can match, the greatest first; none
// at the end. It looks at more and more segments at once the fewer it finds.
func (w *walk) next(ctx context.Context, n int) ([]int64, error) {
	for len(w.pending) == 0 && w.before > w.first {
		high, lowest := segmentOf(w.before-1), segmentOf(w.first)
		var numbers []int64
		for number := high; len(numbers) < w.segments; number-- {
			numbers = append(numbers, number)
			if number == lowest {
				break
			}
		}
		sets, err := w.index.candidatesOf(ctx, w.plan, numbers)
		if err != nil {
			return nil, err
		}
		for i, number := range numbers {
			if number == segmentOf(w.before-1) && w.before <= lastOf(number) {
				sets[i].below(slotOf(w.before))
			}
			if number == lowest {
				sets[i].from(slotOf(w.first))
			}
			w.pending = sets[i].appendSeqs(w.pending, number)
		}
		w.before = firstOf(numbers[len(numbers)-1])
		w.segments = min(2*w.segments, 64)
	}
	n = min(n, len(w.pending))
	batch := w.pending[:n:n]
	w.pending = w.pending[n:]
	return batch, nil
}
