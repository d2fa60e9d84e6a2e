package searchindex

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// inTime returns the slots of the zones that reach into the plan's time.
func (p *Plan) inTime(s *segment) Slots {
	var set Slots
	for i, z := range s.zones {
		if p.inZone(z) {
			for word := i * zoneSize / 64; word < (i+1)*zoneSize/64; word++ {
				set[word] = math.MaxUint64
			}
		}
	}
	return set
}

func (p *Plan) inZone(z zone) bool { return z.most >= p.since && z.least < p.until }

// may reports whether a segment can have a term of the range.
func (s *segment) may(r termRange) bool { return r.from != r.to || s.presence.may(r.from) }

// mayMatch reports whether a segment can have an event of the plan, by what is in
// memory.
func (p *Plan) mayMatch(s *segment) bool {
	for _, groups := range p.stages {
		for _, group := range groups {
			if !slices.ContainsFunc(group, s.may) {
				return false
			}
		}
	}
	return slices.ContainsFunc(s.zones[:], p.inZone)
}

// Candidates returns which events of one segment can match.
func (x *Index) Candidates(ctx context.Context, p *Plan, number int64) (Slots, error) {
	sets, err := x.candidatesOf(ctx, p, []int64{number})
	if err != nil {
		return Slots{}, err
	}
	return sets[0], nil
}

// fewCandidates is how many events it costs less to read than to look further
// into the index.
const fewCandidates = 24

// candidatesOf does so for several segments, with one query for each stage of the
// plan. Segments with few candidates left are not looked at further.
func (x *Index) candidatesOf(ctx context.Context, p *Plan, numbers []int64) ([]Slots, error) {
	look := lookup{index: x, numbers: numbers, sets: make([]Slots, len(numbers)), known: make([]*segment, len(numbers))}
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
	index   *Index
	numbers []int64
	known   []*segment // nil: not indexed, or nothing more to look for
	sets    []Slots
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
					wanted = append(wanted, BlockID(l.numbers[i], n))
				}
			}
		}
	}
	if len(wanted) == 0 {
		for i, s := range l.known {
			if s != nil {
				l.sets[i] = Slots{}
			}
		}
		return nil
	}
	slices.Sort(wanted)
	blocks, err := l.index.blobs.Blocks(ctx, slices.Compact(wanted))
	if err != nil {
		return fmt.Errorf("read index: %w", err)
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
func (l *lookup) either(number int64, s *segment, group group, blocks map[int64][]byte) *Slots {
	var either Slots
	for _, r := range group {
		if !s.may(r) {
			continue
		}
		for n, to := s.blocksOf(r); n < to; n++ {
			id := BlockID(number, n)
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
