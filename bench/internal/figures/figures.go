// Package figures computes medians, percentiles and spreads.
package figures

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Spread is the median, the least and the greatest of some values.
type Spread struct{ Least, Median, Greatest float64 }

// SpreadOf returns the spread of values. There must be at least one.
func SpreadOf(values []float64) Spread {
	return Spread{Least: slices.Min(values), Median: Median(values), Greatest: slices.Max(values)}
}

func (s Spread) String() string {
	return fmt.Sprintf("%.2f (%.2f to %.2f)", s.Median, s.Least, s.Greatest)
}

// Median returns the middle value, or the lower of the two middle values. There must be at
// least one.
func Median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// Percentile returns the smallest value that at least p percent of the values do not
// exceed. They must be sorted, and there must be at least one.
func Percentile(sorted []time.Duration, p float64) time.Duration {
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}
