package alerting

import (
	"maps"
	"sync/atomic"
	"time"
)

// RejectReason says why an alert was not accepted.
type RejectReason uint8

// The reasons for a rejection.
const (
	RejectMalformed RejectReason = iota
	RejectInvalid
	RejectTooLarge
	RejectUnsupported
	RejectUnavailable
	// RejectSource: its sender may not send alerts for its source.
	RejectSource
)

// rejectReasons is indexed by the reason.
var rejectReasons = [...]string{"malformed", "invalid", "too_large", "unsupported_media_type", "unavailable", "source"}

// String returns the reason as metrics and logs name it.
func (r RejectReason) String() string { return rejectReasons[r] }

// Matrix is a number for each severity and category, indexed by the value of
// each minus one.
type Matrix [severityCount][categoryCount]uint64

// Sum returns the sum over all pairs.
func (m *Matrix) Sum() uint64 {
	var sum uint64
	for _, row := range m {
		for _, n := range row {
			sum += n
		}
	}
	return sum
}

// Totals are the counters since the start. To take them costs the same however
// many events there are.
type Totals struct {
	Registered Matrix
	Filtered   Matrix
	// Rejected holds every reason.
	Rejected       map[RejectReason]uint64
	Duplicate      uint64
	Dispatched     uint64
	BufferSize     int
	BufferCapacity int
	// BufferBytes is about how much memory the buffer's events take, and
	// BufferBytesCapacity the most that they may take.
	BufferBytes         int64
	BufferBytesCapacity int64
}

// Stats describes the buffer, and what has happened since the start.
type Stats struct {
	// TotalEvents, BySeverity (all five), ByCategory (all eight) and BySource
	// count the events in the buffer.
	TotalEvents int
	BySeverity  map[Severity]int
	ByCategory  map[Category]int
	BySource    map[string]int
	// Enabled and MinSeverity are the configuration in force.
	Enabled     bool
	MinSeverity Severity
	// BufferSize and BufferCapacity are in events, BufferBytes and BufferBytesCapacity in
	// bytes of memory, about. The bytes count all events that are kept in memory, also
	// those beyond BufferCapacity that the log keeps for its own sake.
	BufferSize          int
	BufferCapacity      int
	BufferBytes         int64
	BufferBytesCapacity int64
	SinceStart          SinceStart
	// Oldest and Newest are when the first and the last event in the buffer were
	// received; zero if it is empty.
	Oldest, Newest time.Time
}

// SinceStart counts alerts by what became of them.
type SinceStart struct {
	Registered uint64
	Filtered   uint64
	Rejected   uint64
	Duplicate  uint64
	Dispatched uint64
}

// atomicMatrix is a [Matrix] that is counted up concurrently.
type atomicMatrix [severityCount][categoryCount]atomic.Uint64

func (m *atomicMatrix) add(s Severity, c Category) { m[s-1][c-1].Add(1) }

func (m *atomicMatrix) load() Matrix {
	var values Matrix
	for s := range m {
		for c := range m[s] {
			values[s][c] = m[s][c].Load()
		}
	}
	return values
}

// totals counts since the start.
type totals struct {
	registered, filtered  atomicMatrix
	rejected              [len(rejectReasons)]atomic.Uint64
	duplicate, dispatched atomic.Uint64
}

func (t *totals) load() Totals {
	rejected := make(map[RejectReason]uint64, len(t.rejected))
	for reason := range t.rejected {
		rejected[RejectReason(reason)] = t.rejected[reason].Load()
	}
	return Totals{
		Registered: t.registered.load(), Filtered: t.filtered.load(), Rejected: rejected,
		Duplicate: t.duplicate.Load(), Dispatched: t.dispatched.Load(),
	}
}

// stats returns the buffer's part of the statistics. The counts are kept as
// events come and go; only the answer's own size, one entry a source, costs.
func (b *Buffer) stats() Stats {
	oldest, newest := b.ends(false)
	b.mu.RLock()
	defer b.mu.RUnlock()
	s := Stats{
		TotalEvents: b.end - b.shown, BufferSize: b.end - b.shown, BufferCapacity: b.capacity,
		BufferBytes: b.bytes, BufferBytesCapacity: b.maxBytes,
		BySeverity: make(map[Severity]int, severityCount),
		ByCategory: make(map[Category]int, categoryCount),
		BySource:   maps.Clone(b.counts.source),
	}
	for i, n := range b.counts.severity {
		s.BySeverity[Severity(i+1)] = n
	}
	for i, n := range b.counts.category {
		s.ByCategory[Category(i+1)] = n
	}
	if oldest != nil {
		s.Oldest, s.Newest = oldest.receivedAt, newest.receivedAt
	}
	return s
}
