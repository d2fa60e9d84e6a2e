package alerting

import (
	"hash/maphash"
	"slices"
	"sort"
	"sync"
)

// MaxBufferSize is the greatest capacity of a [Buffer], in events.
const MaxBufferSize = 10_000_000

// Buffer keeps the most recent events: first in, first out. Queries take its
// lock only to learn where the events are, and then read without it, so that
// even a long search never keeps an alert waiting.
//
// Sequence numbers ascend but need not be consecutive.
type Buffer struct {
	seed maphash.Seed

	mu       sync.RWMutex
	capacity int
	// chunks is replaced, never changed, when a chunk comes or goes.
	chunks []*chunk
	first  int // slot of the oldest event in chunks[0]
	filled int // filled slots of the last chunk
	size   int
	byID   map[EventID]*Event
	counts counts
}

// counts are kept, not counted.
type counts struct {
	severity [severityCount]int
	category [categoryCount]int
	source   map[string]int
}

func (c *counts) add(e *Event, n int) {
	c.severity[e.severity-1] += n
	c.category[e.category-1] += n
	if c.source[e.source] += n; c.source[e.source] == 0 {
		delete(c.source, e.source)
	}
}

// NewBuffer returns an empty buffer for up to capacity events, at least one.
func NewBuffer(capacity int) *Buffer {
	b := &Buffer{seed: maphash.MakeSeed(), capacity: max(1, capacity)}
	b.reset()
	return b
}

// reset empties the buffer. Under the lock.
func (b *Buffer) reset() {
	b.chunks, b.first, b.filled, b.size = nil, 0, 0, 0
	b.byID = make(map[EventID]*Event)
	b.counts = counts{source: make(map[string]int)}
}

// Append adds events, oldest first, and drops the oldest ones beyond the
// capacity. Their sequence numbers must be greater than those already there.
func (b *Buffer) Append(events ...*Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range events {
		b.append(e)
		b.trim()
	}
}

func (b *Buffer) append(e *Event) {
	if len(b.chunks) == 0 || b.filled == chunkSize {
		b.chunks = append(slices.Clip(b.chunks), newChunk())
		b.filled = 0
	}
	b.chunks[len(b.chunks)-1].put(b.filled, e, hashSource(b.seed, e.source))
	b.filled++
	b.size++
	b.byID[e.id] = e
	b.counts.add(e, 1)
}

// trim drops the oldest events beyond the capacity.
func (b *Buffer) trim() {
	for b.size > b.capacity {
		e := b.chunks[0].events[b.first]
		delete(b.byID, e.id)
		b.counts.add(e, -1)
		b.size--
		if b.first++; b.first == chunkSize {
			b.chunks, b.first = slices.Clone(b.chunks[1:]), 0
		}
	}
}

// Resize changes the capacity, at least one. The oldest events beyond it are
// dropped.
func (b *Buffer) Resize(capacity int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.capacity = max(1, capacity)
	b.trim()
}

// Clear drops every event.
func (b *Buffer) Clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reset()
}

// Len returns how many events there are.
func (b *Buffer) Len() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.size
}

// Capacity returns the most events that are kept.
func (b *Buffer) Capacity() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.capacity
}

// Get returns the event with this id.
func (b *Buffer) Get(id EventID) (*Event, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	e, ok := b.byID[id]
	return e, ok
}

// window is what the buffer held at one moment; it is read without the lock.
type window struct {
	chunks        []*chunk
	first, filled int
}

func (b *Buffer) window() window {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return window{chunks: b.chunks, first: b.first, filled: b.filled}
}

// bounds returns the filled slots [from, to) of chunk i.
func (w window) bounds(i int) (from, to int) {
	to = chunkSize
	if i == 0 {
		from = w.first
	}
	if i == len(w.chunks)-1 {
		to = w.filled
	}
	return from, to
}

// oldest returns the sequence number of the oldest event, 0 if there is none.
func (w window) oldest() Seq {
	if len(w.chunks) == 0 {
		return 0
	}
	return w.chunks[0].events[w.first].seq
}

// full reports whether chunk i gets no more events, so that its summary holds.
func (w window) full(i int) bool { return i < len(w.chunks)-1 }

// after returns the place of the first event with a greater sequence number:
// chunk and slot. If there is none, the chunk is len(w.chunks).
func (w window) after(seq Seq) (chunk, slot int) {
	chunk = sort.Search(len(w.chunks), func(i int) bool {
		from, to := w.bounds(i)
		return from < to && w.chunks[i].events[to-1].seq > seq
	})
	if chunk == len(w.chunks) {
		return chunk, 0
	}
	from, to := w.bounds(chunk)
	return chunk, from + sort.Search(to-from, func(i int) bool {
		return w.chunks[chunk].events[from+i].seq > seq
	})
}

// Recent answers a query, newest first.
func (b *Buffer) Recent(q Query) Page {
	w, sel := b.window(), newSelector(q.Filter, b.seed)
	page := Page{Oldest: w.oldest()}
	last, end := len(w.chunks)-1, -1 // end: slots of the last chunk that count, -1: all
	if q.Before > 0 {
		if at, slot := w.after(q.Before - 1); at < len(w.chunks) {
			last, end = at, slot
		}
	}
	for i := last; i >= 0; i-- {
		from, to := w.bounds(i)
		if i == last && end >= 0 {
			to = end
		}
		c := w.chunks[i]
		if w.full(i) && !sel.mayMatch(c) {
			continue
		}
		for slot := to - 1; slot >= from; slot-- {
			if !sel.matches(c, slot) {
				continue
			}
			if q.Limit > 0 && len(page.Events) == q.Limit {
				page.More = true
				return page
			}
			page.Events = append(page.Events, c.events[slot])
		}
	}
	return page
}

// After returns the matching events with a sequence number greater than seq,
// oldest first.
func (b *Buffer) After(seq Seq, filter Filter) []*Event {
	w, sel := b.window(), newSelector(filter, b.seed)
	var events []*Event
	start, slot := w.after(seq)
	for i := start; i < len(w.chunks); i++ {
		from, to := w.bounds(i)
		if i == start {
			from = slot
		}
		c := w.chunks[i]
		if w.full(i) && !sel.mayMatch(c) {
			continue
		}
		for ; from < to; from++ {
			if sel.matches(c, from) {
				events = append(events, c.events[from])
			}
		}
	}
	return events
}

// ends returns the oldest and the newest event, nil if there is none.
func (b *Buffer) ends() (oldest, newest *Event) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.size == 0 {
		return nil, nil
	}
	return b.chunks[0].events[b.first], b.chunks[len(b.chunks)-1].events[b.filled-1]
}
