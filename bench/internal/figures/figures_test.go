package figures_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/bench/internal/figures"
)

func TestMedianIsTheMiddleValue(t *testing.T) {
	values := []int{9, 1, 5}
	require.Equal(t, 5, figures.Median(values))
	require.Equal(t, []int{9, 1, 5}, values, "the argument stays as it is")
	require.Equal(t, 2, figures.Median([]int{4, 2, 1, 3}), "the lower one of two")
	require.Equal(t, 7, figures.Median([]int{7}))
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	values := make([]time.Duration, 100)
	for i := range values {
		values[i] = time.Duration(i + 1)
	}
	for p, want := range map[float64]time.Duration{0: 1, 1: 1, 50: 50, 99: 99, 99.5: 100, 100: 100} {
		require.Equal(t, want, figures.Percentile(values, p), "p%v", p)
	}
	require.Equal(t, time.Duration(4), figures.Percentile([]time.Duration{4}, 50))
	require.Equal(t, time.Duration(3), figures.Percentile([]time.Duration{1, 2, 3}, 99))
}

func TestSpread(t *testing.T) {
	require.Equal(t, "2.00 (1.50 to 4.25)", figures.SpreadOf([]float64{2, 4.25, 1.5}).String())
}
