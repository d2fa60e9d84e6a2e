// Package limit bounds how often callers may do something. [Buckets] has a token bucket for
// each caller: a caller who was quiet for long may do many things at once, and no caller does
// more than its rate in the long run. It knows neither what the callers do nor who they are.
package limit

import (
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// Rate is a count for a period, such as 100 a second. The zero value means no limit.
type Rate struct {
	Count int
	Per   time.Duration
}

// String is in words, such as "100 a second".
func (r Rate) String() string {
	switch r.Per { //nolint:exhaustive // any period has words
	case time.Second:
		return fmt.Sprintf("%d a second", r.Count)
	case time.Minute:
		return fmt.Sprintf("%d a minute", r.Count)
	case time.Hour:
		return fmt.Sprintf("%d an hour", r.Count)
	}
	return fmt.Sprintf("%d in %s", r.Count, r.Per)
}

// leastBurst is the least burst of a rate for a second or less: a client that opens a page
// makes several requests at once.
const leastBurst = 10

// Burst is how many may come at once after a pause: the count, and for a rate for a second
// or less what comes in a second, at least 10.
func (r Rate) Burst() int {
	if r.Per > time.Second {
		return r.Count
	}
	return max(leastBurst, int(r.limit()))
}

func (r Rate) limit() rate.Limit { return rate.Limit(float64(r.Count) / r.Per.Seconds()) }

// Buckets has the buckets of the callers that were seen last. It forgets the others, so that
// its memory is bounded; a caller that was forgotten has a full bucket again. To be forgotten,
// a caller must be quiet while as many others come as are kept. An attacker with so many
// addresses gains nothing by that: each of these addresses had a full bucket of its own.
// Safe for concurrent use.
type Buckets[K comparable] struct {
	mu   sync.Mutex
	rate Rate
	kept *simplelru.LRU[K, *rate.Limiter]
}

// New returns buckets for at most so many callers, without a limit until [Buckets.SetRate]
// sets one.
func New[K comparable](callers int) *Buckets[K] {
	kept, err := simplelru.NewLRU[K, *rate.Limiter](callers, nil)
	if err != nil {
		panic(err) // the number is not positive, which is a mistake in the program
	}
	return &Buckets[K]{kept: kept}
}

// SetRate changes the rate. A bucket keeps what is in it, up to its new size.
func (b *Buckets[K]) SetRate(r Rate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rate = r; r == (Rate{}) {
		b.kept.Purge()
		return
	}
	now := time.Now()
	for _, bucket := range b.kept.Values() {
		bucket.SetLimitAt(now, r.limit())
		bucket.SetBurstAt(now, r.Burst())
	}
}

// Take takes one from a caller's bucket. If the bucket is empty, it returns the rate and how
// long it takes until there is one; otherwise the wait is 0.
//
// The clock is read and the bucket changed under one lock: the limiter would give more than
// its rate to those who tell it times that are out of order.
func (b *Buckets[K]) Take(caller K) (Rate, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rate == (Rate{}) {
		return b.rate, 0
	}
	bucket, known := b.kept.Get(caller)
	if !known {
		bucket = rate.NewLimiter(b.rate.limit(), b.rate.Burst())
		b.kept.Add(caller, bucket)
	}
	now := time.Now()
	if bucket.AllowN(now, 1) {
		return b.rate, 0
	}
	missing := 1 - bucket.TokensAt(now)
	return b.rate, max(1, time.Duration(missing/float64(b.rate.limit())*float64(time.Second)))
}

// Len returns how many callers have a bucket.
func (b *Buckets[K]) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept.Len()
}
