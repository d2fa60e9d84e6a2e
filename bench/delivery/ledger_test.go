package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// filled returns a ledger of 4 alerts a second. Every second one is a probe. There is a
// warm-up of 1 s and a measurement of 2 s. Each alert is answered 3 ms after it was due, and
// its webhook arrives 5 ms later.
func filled(tb testing.TB) *ledger {
	tb.Helper()
	l := newLedger("turn", load{rate: 4, probeEvery: 2, warmUp: time.Second, duration: 2 * time.Second})
	require.Len(tb, l.marks, 12)
	l.begin(time.Now())
	for n := range l.marks {
		due := l.schedule.due(n)
		l.sent(n, due.Add(time.Millisecond))
		l.answered(n, due.Add(3*time.Millisecond))
		l.arrived(l.key(n), due.Add(8*time.Millisecond))
	}
	return l
}

func TestTurnSum(t *testing.T) {
	l := filled(t)
	got, err := l.sum()
	require.NoError(t, err)
	require.Equal(t, 4, got.probes, "none of the warm-up, and none that opens no incident")
	all := func(d time.Duration) quantiles { return quantiles{p50: d, p90: d, p99: d, most: d} }
	require.Equal(t, all(5*time.Millisecond), got.fromReply)
	require.Equal(t, all(8*time.Millisecond), got.fromDue)
	require.Equal(t, time.Millisecond, got.late)
	require.InDelta(t, 8/1.753, got.rate, 1e-9, "eight from when the first was due to when the last was answered")
	require.Zero(t, got.early)
	require.Zero(t, got.repeats)
}

func TestWebhookBeforeTheAnswerCountsAsZero(t *testing.T) {
	l := filled(t)
	l.answered(4, l.schedule.due(4).Add(9*time.Millisecond))  // measured
	l.answered(2, l.schedule.due(2).Add(90*time.Millisecond)) // of the warm-up
	got, err := l.sum()
	require.NoError(t, err)
	require.Equal(t, 1, got.early)
	require.Equal(t, quantiles{p50: 5 * time.Millisecond, p90: 5 * time.Millisecond, p99: 5 * time.Millisecond, most: 5 * time.Millisecond}, got.fromReply)
	for _, n := range []int{6, 8, 10} {
		l.answered(n, l.schedule.due(n).Add(9*time.Millisecond))
	}
	got, err = l.sum()
	require.NoError(t, err)
	require.Equal(t, 4, got.early)
	require.Equal(t, quantiles{}, got.fromReply)
}

func TestTheFirstWebhookCounts(t *testing.T) {
	l := filled(t)
	l.arrived(l.key(4), l.schedule.due(4).Add(time.Minute))
	got, err := l.sum()
	require.NoError(t, err)
	require.Equal(t, 1, got.repeats)
	require.Equal(t, 8*time.Millisecond, got.fromDue.most)
}

func TestProbesOfOtherTurnsAreIgnored(t *testing.T) {
	l := newLedger("turn", load{rate: 4, probeEvery: 2, duration: time.Second})
	l.begin(time.Now())
	for _, key := range []string{"", "turn-new-", "turn-new-x", "turn-new--1", "turn-new-4", "turn-known-1", "other-new-0", l.key(1)} {
		l.arrived(key, time.Now())
	}
	require.Equal(t, int64(2), l.missing.Load())
	l.arrived(l.key(0), time.Now())
	l.arrived(l.key(2), time.Now())
	require.NoError(t, l.awaitAll(t.Context()))
}

func TestSumNeedsEveryMessage(t *testing.T) {
	l := filled(t)
	l.marks[6].arrived.Store(0)
	_, err := l.sum()
	require.ErrorContains(t, err, "alert 7 of 12")

	_, err = newLedger("turn", load{rate: 1, probeEvery: 2, duration: time.Millisecond}).sum()
	require.ErrorContains(t, err, "too short")
}

func TestWaitForAWebhookIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger("turn", load{rate: 4, probeEvery: 2, duration: time.Second})
		l.begin(time.Now())
		l.arrived(l.key(0), time.Now())
		err := l.awaitAll(t.Context())
		require.ErrorIs(t, err, errSlow)
		require.ErrorContains(t, err, "1 webhooks")
		require.Equal(t, toldPatience, time.Since(l.schedule.begin))
	})
}

func TestKeysOfProbesAreUnique(t *testing.T) {
	l := newLedger("turn", load{rate: 1000, probeEvery: probeEvery, duration: 4 * time.Second})
	probes, known := map[string]bool{}, map[string]bool{}
	for n := range l.marks {
		if l.load.isProbe(n) {
			probes[l.key(n)] = true
		} else {
			known[l.key(n)] = true
		}
	}
	require.Len(t, probes, 200, "50 a second")
	require.LessOrEqual(t, len(known), knownKeys)
	require.Greater(t, len(known), 90)
}
