package alerting

import (
	"hash/maphash"
	"slices"
	"sync"
)

// The greatest bounds of a [Buffer], in events and in bytes.
const (
	MaxBufferSize  = 10_000_000
	MaxBufferBytes = 64 << 30
)

// DefaultBufferBytes is how many bytes of events a buffer keeps unless it is told
// otherwise.
const DefaultBufferBytes = 64 << 20

// Buffer keeps the most recent events of a log in memory: first in, first out. It is
// bounded by their number and by their bytes. [Buffer.Recent], [Buffer.All], [Buffer.Get]
// and the statistics show its newest events, up to its capacity; the log may have it keep
// more, to answer from memory what it would read otherwise ([Buffer.Query],
// [Buffer.After], [Buffer.Find]).
//
// Queries take the lock only to learn where the events are, and then read without it, so
// that even a long search never keeps an alert waiting. Sequence numbers ascend but need
// not be consecutive.
type Buffer struct {
	seed maphash.Seed

	mu       sync.RWMutex
	capacity int   // the most events that are shown
	keep     int   // how many events are kept although they are not shown
	maxBytes int64 // of the events that are kept
	bytes    int64
	// chunks is replaced, never changed, when a chunk comes or goes. Places count the
	// events from the first one that was ever added; chunk i has the chunkSize places
	// from base + i*chunkSize on.
	chunks []*chunk
	base   int
	kept   int // the place of the oldest event that is kept
	shown  int // the place of the oldest event that is shown
	end    int // the place of the next event
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

// NewBuffer returns an empty buffer for up to capacity events, at least one, of
// [DefaultBufferBytes].
func NewBuffer(capacity int) *Buffer {
	return &Buffer{
		seed: maphash.MakeSeed(), capacity: max(1, capacity), maxBytes: DefaultBufferBytes,
		byID: make(map[EventID]*Event), counts: counts{source: make(map[string]int)},
	}
}

// Append adds events, oldest first, and drops the oldest ones beyond the bounds. Their
// sequence numbers must be greater than those already there. The newest event stays
// however large it is.
func (b *Buffer) Append(events ...*Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range events {
		b.append(e)
		b.trim()
	}
}

func (b *Buffer) append(e *Event) {
	if b.end == b.base+len(b.chunks)*chunkSize {
		b.chunks = append(slices.Clip(b.chunks), newChunk())
	}
	b.chunks[len(b.chunks)-1].put(b.end%chunkSize, e, hashSource(b.seed, e.source))
	b.end++
	b.bytes += e.memory()
	b.byID[e.id] = e
	b.counts.add(e, 1)
}

// at returns the event at a place that is kept.
func (b *Buffer) at(place int) *Event {
	return b.chunks[(place-b.base)/chunkSize].events[place%chunkSize].Load()
}

// trim drops the oldest events beyond the bounds.
func (b *Buffer) trim() {
	for b.end-b.shown > b.capacity {
		b.hide()
	}
	for b.end-b.kept > max(b.capacity, b.keep) || b.bytes > b.maxBytes && b.end-b.kept > 1 {
		b.drop()
	}
}

// hide no longer shows the oldest event that is shown.
func (b *Buffer) hide() {
	b.counts.add(b.at(b.shown), -1)
	b.shown++
}

// drop gives up the oldest event. Nothing of it stays in memory, save for what a query
// is about to return.
func (b *Buffer) drop() {
	if b.kept == b.shown {
		b.hide()
	}
	e := b.at(b.kept)
	delete(b.byID, e.id)
	b.bytes -= e.memory()
	b.chunks[0].events[b.kept%chunkSize].Store(nil)
	if b.kept++; b.kept == b.base+chunkSize {
		b.chunks, b.base = slices.Clone(b.chunks[1:]), b.base+chunkSize
	}
}

// Resize changes how many events are shown, at least one, and how many bytes of events
// are kept. The oldest events beyond these bounds are dropped.
func (b *Buffer) Resize(capacity int, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.capacity, b.maxBytes = max(1, capacity), bytes
	b.trim()
}

// Keep has the buffer keep so many events, if its bytes allow, although it shows fewer.
func (b *Buffer) Keep(events int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keep = events
	b.trim()
}

// Clear shows none of the present events any longer.
func (b *Buffer) Clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.shown < b.end {
		b.hide()
	}
}

// Forget drops the events before a number: the log no longer has them.
func (b *Buffer) Forget(before Seq) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.kept < b.end && b.at(b.kept).seq < before {
		b.drop()
	}
}

// Len returns how many events are shown.
func (b *Buffer) Len() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.end - b.shown
}

// Capacity returns the most events that are shown.
func (b *Buffer) Capacity() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.capacity
}

// Bytes returns how much memory the events that are kept take, about, and the most that
// they may take.
func (b *Buffer) Bytes() (taken, most int64) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.bytes, b.maxBytes
}

// ends returns the oldest and the newest event that are shown, or of all that are kept;
// nil if there is none.
func (b *Buffer) ends(all bool) (oldest, newest *Event) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	first := b.shown
	if all {
		first = b.kept
	}
	if first == b.end {
		return nil, nil
	}
	return b.at(first), b.at(b.end - 1)
}
