package limit_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/limit"
)

func perSecond(n int) limit.Rate { return limit.Rate{Count: n, Per: time.Second} }

func newBuckets(callers int, r limit.Rate) *limit.Buckets[string] {
	b := limit.New[string](callers)
	b.SetRate(r)
	return b
}

// takeAll takes from a bucket until it is empty and returns how many there were.
func takeAll(b *limit.Buckets[string], caller string) int {
	for n := 0; ; n++ {
		if _, wait := b.Take(caller); wait > 0 {
			return n
		}
	}
}

func TestBurstIsTheCountOrASecondsWorth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for want, r := range map[int]limit.Rate{
			50_000: perSecond(50_000),
			10:     perSecond(1), // at least
			7:      {Count: 7, Per: time.Minute},
			1000:   {Count: 1000, Per: time.Hour},
			50:     {Count: 5, Per: 100 * time.Millisecond},
		} {
			require.Equal(t, want, r.Burst(), "%v", r)
			require.Equal(t, want, takeAll(newBuckets(1, r), "a"), "%v", r)
		}
	})
}

func TestRateIsShownInWords(t *testing.T) {
	for want, r := range map[string]limit.Rate{
		"100 a second": perSecond(100), "10 a minute": {Count: 10, Per: time.Minute}, "5 an hour": {Count: 5, Per: time.Hour},
		"10 in 30s": {Count: 10, Per: 30 * time.Second},
	} {
		require.Equal(t, want, r.String())
	}
}

func TestBucketFillsWithTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(10, limit.Rate{Count: 10, Per: time.Minute})
		require.Equal(t, 10, takeAll(b, "a"))
		told, wait := b.Take("a")
		require.Equal(t, limit.Rate{Count: 10, Per: time.Minute}, told)
		require.Equal(t, 6*time.Second, wait)
		time.Sleep(wait - time.Millisecond)
		require.Zero(t, takeAll(b, "a"), "a moment too soon")
		time.Sleep(time.Millisecond)
		require.Equal(t, 1, takeAll(b, "a"), "the wait that was told is enough")
		time.Sleep(time.Hour)
		require.Equal(t, 10, takeAll(b, "a"), "a bucket does not overflow")
	})
}

func TestCallersDoNotDisturbEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(10, perSecond(20))
		require.Equal(t, 20, takeAll(b, "flood"))
		require.Equal(t, 20, takeAll(b, "quiet"))
	})
}

func TestRateChangesForKnownCallersToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(10, perSecond(100))
		require.Equal(t, 100, takeAll(b, "a"))
		b.SetRate(perSecond(20))
		require.Zero(t, takeAll(b, "a"), "an empty bucket stays empty")
		time.Sleep(time.Second)
		require.Equal(t, 20, takeAll(b, "a"))
		b.SetRate(limit.Rate{})
		for range 1000 {
			_, wait := b.Take("a")
			require.Zero(t, wait, "there is no limit")
		}
		require.Zero(t, b.Len())
		b.SetRate(perSecond(30))
		require.Equal(t, 30, takeAll(b, "a"))
	})
}

// In any order of requests, pauses and changes of the caller, nobody gets more than the burst and
// what the time brings.
func TestNobodyGetsMoreThanTheRate(t *testing.T) {
	type step struct {
		caller   string
		requests int
		pause    time.Duration
	}
	steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
		return step{
			rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "caller"), rapid.IntRange(0, 100).Draw(rt, "requests"),
			time.Duration(rapid.IntRange(0, 2_000_000).Draw(rt, "µs")) * time.Microsecond,
		}
	}), 1, 100)
	rapid.Check(t, func(rt *rapid.T) {
		r := limit.Rate{
			Count: rapid.IntRange(1, 200).Draw(rt, "count"),
			Per:   rapid.SampledFrom([]time.Duration{time.Second, 30 * time.Second, time.Minute}).Draw(rt, "per"),
		}
		script, passed, took := steps.Draw(rt, "steps"), map[string]int{}, time.Duration(0)
		synctest.Test(t, func(*testing.T) {
			b, began := newBuckets(3, r), time.Now()
			for _, s := range script {
				for range s.requests {
					if _, wait := b.Take(s.caller); wait == 0 {
						passed[s.caller]++
					}
				}
				took = time.Since(began)
				time.Sleep(s.pause)
			}
		})
		most := float64(r.Burst()) + took.Seconds()*float64(r.Count)/r.Per.Seconds()
		for caller, n := range passed {
			require.LessOrEqual(rt, float64(n), most+1e-6, caller)
		}
	})
}

func TestManyAtOnceGetNoMoreThanTheRate(t *testing.T) {
	b := newBuckets(10, limit.Rate{Count: 1000, Per: time.Hour})
	var mu sync.Mutex
	var all sync.WaitGroup
	passed := 0
	for range 8 {
		all.Go(func() {
			n := 0
			for range 5000 {
				if _, wait := b.Take("a"); wait == 0 {
					n++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			passed += n
		})
	}
	all.Wait()
	require.InDelta(t, 1000, passed, 2, "what the time of the test brings is next to nothing")
}

func TestMillionCallersTakeBoundedMemory(t *testing.T) {
	b := limit.New[int](10_000)
	b.SetRate(perSecond(100))
	before := inUse()
	for i := range 1_000_000 {
		b.Take(i)
	}
	require.Equal(t, 10_000, b.Len())
	require.Less(t, inUse()-before, int64(8<<20))
	runtime.KeepAlive(b)
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestCallerThatKeepsTryingIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(100, perSecond(10))
		require.Equal(t, 10, takeAll(b, "flood"))
		for i := range 10_000 {
			b.Take(fmt.Sprint(i))
			_, wait := b.Take("flood")
			require.NotZero(t, wait)
		}
	})
}

func ExampleBuckets() {
	b := limit.New[string](10_000)
	b.SetRate(limit.Rate{Count: 3, Per: time.Hour})
	for range 4 {
		_, wait := b.Take("ada")
		fmt.Println(wait.Round(time.Minute))
	}
	// Output:
	// 0s
	// 0s
	// 0s
	// 20m0s
}

// BenchmarkTake measures what every request pays for its limit.
func BenchmarkTake(b *testing.B) {
	buckets := newBuckets(10_000, perSecond(1_000_000_000))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			buckets.Take("desk-bot")
		}
	})
}
