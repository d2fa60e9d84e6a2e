package searchindex

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"alertd/internal/alerting"
)

// The layout of the index; see the package's documentation.
const (
	segmentBits = 13
	SegmentSize = 1 << segmentBits
	zoneSize    = 256
	zoneCount   = SegmentSize / zoneSize
)

// SegmentOf returns the segment of an event's number, which is at least 1.
func SegmentOf(seq alerting.Seq) int64 { return int64(seq-1) >> segmentBits }

// FirstOf returns the smallest number in a segment.
func FirstOf(segment int64) alerting.Seq { return alerting.Seq(segment<<segmentBits + 1) }

// LastOf returns the greatest number in a segment.
func LastOf(segment int64) alerting.Seq { return alerting.Seq((segment + 1) << segmentBits) }

// BlockID identifies block n of a segment. Those of later segments are greater.
func BlockID(segment int64, n int) int64 { return segment<<16 | int64(n) }

func slotOf(seq alerting.Seq) int { return int((seq - 1) & (SegmentSize - 1)) }

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

// Blobs reads what was stored of an index.
type Blobs interface {
	// Segments calls take for each segment from a number on, ascending, without its blocks.
	Segments(ctx context.Context, from int64, take func(number int64, s Segment)) error
	// Blocks returns blocks by their ids. Those that are no longer stored are missing.
	Blocks(ctx context.Context, ids []int64) (map[int64][]byte, error)
}

// Index finds events by what is in them. Safe for concurrent use.
type Index struct {
	blobs Blobs
	log   *slog.Logger

	mu       sync.RWMutex
	segments map[int64]*segment
	next     int64 // the first segment that is not indexed
}

// New returns an index that knows no segment yet.
func New(blobs Blobs, log *slog.Logger) *Index {
	return &Index{blobs: blobs, log: log, segments: make(map[int64]*segment)}
}

// Load learns which segments are stored, from the first that is not known on.
func (x *Index) Load(ctx context.Context) error {
	err := x.blobs.Segments(ctx, x.Next(), func(number int64, s Segment) {
		if x.Learn(number, s) != nil {
			x.damaged(number)
		}
	})
	if err != nil {
		return fmt.Errorf("load index: %w", err)
	}
	return nil
}

// Learn takes a segment that is stored. The error says that it is damaged.
func (x *Index) Learn(number int64, s Segment) error {
	loaded, err := decodeSegment(number, s)
	if err == nil {
		x.learn(number, loaded)
	}
	return err
}

// Skip notes that a segment gets no index: its events are all looked at, which is
// slower and right.
func (x *Index) Skip(number int64) { x.learn(number, nil) }

func (x *Index) damaged(number int64) {
	x.log.Error("a part of the index is damaged, queries that reach it are slower", "segment", number)
	x.Skip(number)
}

func (x *Index) learn(number int64, s *segment) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.segments[number] = s
	x.next = max(x.next, number+1)
}

// KeepFrom drops what is known of the events before a number, which are deleted.
func (x *Index) KeepFrom(first alerting.Seq) {
	x.mu.Lock()
	defer x.mu.Unlock()
	below := SegmentOf(first)
	for number := range x.segments {
		if number < below {
			delete(x.segments, number)
		}
	}
	x.next = max(x.next, below)
}

// Has reports whether a segment is indexed.
func (x *Index) Has(number int64) bool { return x.segment(number) != nil }

func (x *Index) segment(number int64) *segment {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.segments[number]
}

// Next returns the first segment that is not indexed.
func (x *Index) Next() int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.next
}
