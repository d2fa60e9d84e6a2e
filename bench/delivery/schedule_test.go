package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAlertsAreDueAtASteadyRate(t *testing.T) {
	began := time.Now()
	s := schedule{begin: began, rate: 300, count: 1000}
	require.Equal(t, began, s.due(0))
	require.Equal(t, began.Add(time.Second), s.due(300), "no rounding adds up")
	require.Equal(t, began.Add(3*time.Second+time.Second/300), s.due(901))
}

func TestScheduleDoesNotWaitForLateAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := schedule{begin: time.Now(), rate: 1000, count: 5000}
		out := make(chan int, s.count)
		s.announce(t.Context(), out) // nobody reads them
		require.Equal(t, 4999*time.Millisecond, time.Since(s.begin))
		next := 0
		for n := range out {
			require.Equal(t, next, n)
			next++
		}
		require.Equal(t, s.count, next)
	})
	synctest.Test(t, func(t *testing.T) {
		s := schedule{begin: time.Now(), rate: 10, count: 50}
		out := make(chan int, s.count)
		go s.announce(t.Context(), out)
		for n := range out {
			require.Equal(t, s.due(n), time.Now())
		}
	})
}

func TestScheduleEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		s := schedule{begin: time.Now(), rate: 1, count: 100}
		out := make(chan int, s.count)
		s.announce(ctx, out)
		require.Len(t, out, 3)
		require.Equal(t, 2500*time.Millisecond, time.Since(s.begin))
	})
}
