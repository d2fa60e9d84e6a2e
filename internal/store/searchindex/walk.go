package searchindex

import (
	"context"

	"alertd/internal/alerting"
)

// Walk goes through the numbers that can match, the greatest first.
type Walk struct {
	index    *Index
	plan     *Plan
	first    alerting.Seq // the smallest number wanted
	before   alerting.Seq // goes down
	segments int          // how many to look at next
	pending  []int64
}

// Backwards walks from the number before another down to first.
func (x *Index) Backwards(p *Plan, first, before alerting.Seq) *Walk {
	return &Walk{index: x, plan: p, first: max(1, first), before: before, segments: 1}
}

// Next returns about the next n numbers that can match, the greatest first; none
// at the end. It looks at more and more segments at once the fewer it finds.
func (w *Walk) Next(ctx context.Context, n int) ([]int64, error) {
	for len(w.pending) == 0 && w.before > w.first {
		high, lowest := SegmentOf(w.before-1), SegmentOf(w.first)
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
			if number == SegmentOf(w.before-1) && w.before <= LastOf(number) {
				sets[i].below(slotOf(w.before))
			}
			if number == lowest {
				sets[i].from(slotOf(w.first))
			}
			w.pending = sets[i].appendSeqs(w.pending, number)
		}
		w.before = FirstOf(numbers[len(numbers)-1])
		w.segments = min(2*w.segments, 64)
	}
	n = min(n, len(w.pending))
	batch := w.pending[:n:n]
	w.pending = w.pending[n:]
	return batch, nil
}
