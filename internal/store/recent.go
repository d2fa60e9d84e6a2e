package store

import (
	"sync"

	"alertd/internal/alerting"
)

// The most that is kept in memory of the newest events, for queries and for the
// indexer, which may be that far behind. Few events are so large that their bytes
// count.
const (
	recentCapacity = 4 * segmentSize
	recentBytes    = 64 << 20
)

// recent keeps the newest events in memory. It is read as a buffer, and changed
// by its own methods only. Safe for concurrent use.
type recent struct {
	*alerting.Buffer

	mu    sync.Mutex
	sizes []eventSize // of the events in the buffer, oldest first
	bytes int
}

// eventSize is about how much memory an event takes.
type eventSize struct {
	seq   alerting.Seq
	bytes int
}

func newRecent() *recent { return &recent{Buffer: alerting.NewBuffer(recentCapacity)} }

// add takes events that come after all others.
func (r *recent) add(events []*alerting.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Append(events...)
	for _, event := range events {
		size := eventSize{event.Seq(), len(event.JSON()) + len(event.Message()) + 300}
		r.sizes = append(r.sizes, size)
		r.bytes += size.bytes
	}
	for len(r.sizes) > recentCapacity {
		r.forgetOldest()
	}
	if r.bytes <= recentBytes {
		return
	}
	for r.bytes > recentBytes/2 {
		r.forgetOldest()
	}
	var kept []*alerting.Event
	if len(r.sizes) > 0 {
		kept = r.After(r.sizes[0].seq-1, alerting.Filter{})
	}
	// A buffer that only shrinks holds on to some of what it drops. Who reads
	// meanwhile finds less in memory, and the rest in the database.
	r.Clear()
	r.Append(kept...)
}

// keepFrom drops the events before a number.
func (r *recent) keepFrom(first alerting.Seq) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.sizes) > 0 && r.sizes[0].seq < first {
		r.forgetOldest()
	}
	if len(r.sizes) == 0 {
		r.Clear()
		return
	}
	r.Resize(len(r.sizes))
	r.Resize(recentCapacity)
}

// forgetOldest takes the oldest event out of account.
func (r *recent) forgetOldest() {
	r.bytes -= r.sizes[0].bytes
	r.sizes = r.sizes[1:]
}
