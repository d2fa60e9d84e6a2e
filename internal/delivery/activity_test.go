package delivery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/delivery"
)

func TestActivityHasTheLast24Hours(t *testing.T) {
	now := time.Date(2026, 3, 29, 1, 59, 59, 0, time.FixedZone("", 19800)) // half past an hour of UTC
	a := delivery.NewActivity(now)
	require.Len(t, a, 24)
	require.Equal(t, time.Date(2026, 3, 28, 20, 0, 0, 0, time.UTC), a[23].Start)
	for i := range a[1:] {
		require.Equal(t, a[i].Start.Add(time.Hour), a[i+1].Start)
	}
	for _, start := range []time.Time{a[0].Start, a[23].Start, a[23].Start, a[0].Start.Add(-time.Hour), a[23].Start.Add(time.Hour)} {
		a.Add(delivery.Hour{Start: start, Successes: 1, Failures: 2})
	}
	require.Equal(t, []uint64{1, 2, 2, 4}, []uint64{a[0].Successes, a[0].Failures, a[23].Successes, a[23].Failures})
	require.Equal(t, delivery.Hour{Start: a[7].Start}, a[7])
}
