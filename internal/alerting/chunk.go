package alerting

import (
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"
)

// chunkSize is how many events a chunk holds: the step in which queries skip.
const chunkSize = 256

// chunk holds up to chunkSize consecutive events, and in columns beside them
// what filters look at, so that a query reads a few bytes an event and touches
// only those events that it may return (BenchmarkRecentEvents).
//
// A slot is written once, under the buffer's lock, so that who learned under that lock how
// many slots are filled reads them without it. Of an event that is dropped the pointer
// goes, and the columns stay. The summary changes with each event and may be read without
// the lock only once the chunk is full.
type chunk struct {
	events  [chunkSize]atomic.Pointer[Event] // nil: it was dropped
	seqs    [chunkSize]Seq
	kinds   [chunkSize]uint8  // severity and category, see kindOf
	sources [chunkSize]uint32 // hash of the source
	times   [chunkSize]int64  // timestamp, microseconds since 1970

	summary summary
}

// summary says what a chunk can hold at all.
type summary struct {
	kinds            uint64 // a bit a kind
	minTime, maxTime int64
	// sources has a bit for each source's hash modulo sourceBits: where a
	// wanted source's bit is missing, no event has that source.
	sources [sourceBits / 64]uint64
}

// sourceBits is a power of two, and so much greater than chunkSize that most
// bits stay clear.
const sourceBits = 4096

func (s *summary) addSource(hash uint32) {
	bit := hash % sourceBits
	s.sources[bit/64] |= 1 << (bit % 64)
}

func (s *summary) hasSource(hash uint32) bool {
	bit := hash % sourceBits
	return s.sources[bit/64]>>(bit%64)&1 == 1
}

const (
	categoryCount = 8
	severityCount = 5
)

// kindOf numbers the 40 pairs of severity and category from 0.
func kindOf(s Severity, c Category) uint8 {
	return (uint8(s)-1)*categoryCount + uint8(c) - 1
}

func newChunk() *chunk {
	return &chunk{summary: summary{minTime: math.MaxInt64, maxTime: math.MinInt64}}
}

// put fills slot i. Only under the buffer's lock.
func (c *chunk) put(i int, e *Event, sourceHash uint32) {
	kind, at := kindOf(e.severity, e.category), e.timestamp.UnixMicro()
	c.events[i].Store(e)
	c.seqs[i], c.kinds[i], c.sources[i], c.times[i] = e.seq, kind, sourceHash, at
	c.summary.kinds |= 1 << kind
	c.summary.addSource(sourceHash)
	c.summary.minTime = min(c.summary.minTime, at)
	c.summary.maxTime = max(c.summary.maxTime, at)
}

// selector is a filter made ready for the columns of one buffer.
type selector struct {
	filter       Filter
	kinds        uint64 // a bit for each kind wanted
	since, until int64
	sources      map[uint32]struct{} // nil: all
	oneSource    uint32              // if there is only one
}

func newSelector(f Filter, b *Buffer) *selector {
	s := &selector{filter: f, since: math.MinInt64, until: math.MaxInt64}
	categories := f.Categories
	if len(categories) == 0 {
		categories = Categories()
	}
	for _, severity := range Severities() {
		for _, category := range categories {
			if severity >= f.MinSeverity && category.Valid() {
				s.kinds |= 1 << kindOf(severity, category)
			}
		}
	}
	if !f.Since.IsZero() {
		// Timestamps are whole microseconds: a bound between two counts as the later.
		s.since = ceilMicro(f.Since)
	}
	if !f.Until.IsZero() {
		s.until = ceilMicro(f.Until)
	}
	if len(f.Sources) > 0 {
		s.sources = make(map[uint32]struct{}, len(f.Sources))
		for _, source := range f.Sources {
			s.oneSource = hashSource(b.seed, source)
			s.sources[s.oneSource] = struct{}{}
		}
	}
	return s
}

func ceilMicro(t time.Time) int64 { return t.Add(time.Microsecond - 1).UnixMicro() }

func hashSource(seed maphash.Seed, source string) uint32 {
	return uint32(maphash.String(seed, source)) //nolint:gosec // the lower half of a hash is a hash
}

// mayMatch reports whether a full chunk can hold a wanted event.
func (s *selector) mayMatch(c *chunk) bool {
	if s.kinds&c.summary.kinds == 0 || c.summary.maxTime < s.since || c.summary.minTime >= s.until {
		return false
	}
	for hash := range s.sources {
		if c.summary.hasSource(hash) {
			return true
		}
	}
	return s.sources == nil
}

// matching returns the event in slot i if it is wanted, else nil, and whether it was
// dropped. The columns decide nearly always; the event itself is looked at for the text,
// and for the source in case two have one hash.
func (s *selector) matching(c *chunk, i int) (event *Event, gone bool) {
	if s.kinds>>c.kinds[i]&1 == 0 {
		return nil, false
	}
	if at := c.times[i]; at < s.since || at >= s.until {
		return nil, false
	}
	exact := s.filter.Text == ""
	if s.sources != nil {
		exact = false
		if len(s.sources) == 1 {
			if c.sources[i] != s.oneSource {
				return nil, false
			}
		} else if _, ok := s.sources[c.sources[i]]; !ok {
			return nil, false
		}
	}
	event = c.events[i].Load()
	if event == nil {
		return nil, true
	}
	if !exact && !s.filter.Matches(event) {
		return nil, false
	}
	return event, false
}
