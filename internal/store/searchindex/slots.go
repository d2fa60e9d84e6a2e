package searchindex

import (
	"math"
	"math/bits"

	"alertd/internal/alerting"
)

// Slots is a set of slots of a segment.
type Slots [SegmentSize / 64]uint64

// Has reports whether the event with this number is in the set.
func (s *Slots) Has(seq alerting.Seq) bool { return s.has(slotOf(seq)) }

func (s *Slots) add(slot int)      { s[slot>>6] |= 1 << (slot & 63) }
func (s *Slots) has(slot int) bool { return s[slot>>6]>>(slot&63)&1 == 1 }

func (s *Slots) and(other *Slots) {
	for i := range s {
		s[i] &= other[i]
	}
}

// below drops the slots from a number on.
func (s *Slots) below(slot int) {
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
func (s *Slots) from(slot int) {
	var before Slots
	before.fill()
	before.below(slot)
	for i := range s {
		s[i] &^= before[i]
	}
}

func (s *Slots) fill() {
	for i := range s {
		s[i] = math.MaxUint64
	}
}

// appendSeqs appends the numbers of the slots, the greatest first.
func (s *Slots) appendSeqs(seqs []int64, segment int64) []int64 {
	for i := len(s) - 1; i >= 0; i-- {
		for word := s[i]; word != 0; {
			bit := 63 - bits.LeadingZeros64(word)
			word &^= 1 << bit
			seqs = append(seqs, int64(FirstOf(segment))+int64(i<<6+bit))
		}
	}
	return seqs
}

// count returns how many slots there are.
func (s *Slots) count() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}
