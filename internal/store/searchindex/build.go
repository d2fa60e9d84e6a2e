package searchindex

import (
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

// Builder makes the index of one segment. It belongs to one goroutine.
type Builder struct {
	zones [zoneCount]zone
	named map[uint64][]uint16
	text  []uint64 // each a term, less its uppermost byte, and a slot
	long  []uint16 // whose messages are too long
}

// NewBuilder returns a builder that has no events yet.
func NewBuilder() *Builder {
	b := &Builder{named: make(map[uint64][]uint16), text: make([]uint64, 0, 64*SegmentSize)}
	for i := range b.zones {
		b.zones[i] = zone{math.MaxInt64, math.MinInt64}
	}
	return b
}

// Segment returns the index of the segment with this number, once all its events were added.
func (b *Builder) Segment(number int64) Segment { return encodeSegment(number, &b.zones, b.postings()) }

// Add takes the next events, in their order. The segment's first ones may be
// missing, as retention has deleted them.
func (b *Builder) Add(events []*alerting.Event) {
	text := b.text
	for _, event := range events {
		slot := uint16(slotOf(event.Seq())) //nolint:gosec // less than SegmentSize
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
func (b *Builder) postings() []posting {
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
