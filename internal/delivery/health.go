package delivery

import (
	"time"

	"alertd/internal/channel"
)

// Health says how a channel does.
type Health string

// The states of health.
const (
	// Healthy: the last attempt worked, and none has failed lately; or there was none.
	Healthy Health = "healthy"
	// Degraded: attempts fail, and others work.
	Degraded Health = "degraded"
	// Failing: nothing has worked for several attempts, or the breaker is open.
	Failing Health = "failing"
	// Disabled: the channel is off, or alerting is.
	Disabled Health = "disabled"
)

const (
	// failingAfter is how many attempts in a row must fail.
	failingAfter = 3
	// lately is how long ago a failure counts.
	lately = 10 * time.Minute
)

// Record is what became of a channel's attempts, on all replicas.
type Record struct {
	// Successes and Failures count attempts since the channel was first used.
	Successes, Failures uint64
	// Consecutive is how many attempts have failed since one worked.
	Consecutive int
	// LastError says what went wrong last, LastFailure when; LastSuccess is when an
	// attempt worked last. They are zero if there was none.
	LastError                string
	LastFailure, LastSuccess time.Time
}

// Add counts an attempt that has ended.
func (r *Record) Add(result channel.Result, at time.Time) {
	if result.Outcome == channel.Delivered {
		r.Successes++
		r.Consecutive, r.LastSuccess = 0, at
		return
	}
	r.Failures++
	r.Consecutive++
	r.LastError, r.LastFailure = result.Error, at
}

// Breaker is the state of a channel's circuit breaker.
type Breaker string

// The states of a breaker.
const (
	// BreakerClosed: attempts are made.
	BreakerClosed Breaker = "closed"
	// BreakerOpen: none is made for a while.
	BreakerOpen Breaker = "open"
	// BreakerHalfOpen: one is made, to see.
	BreakerHalfOpen Breaker = "half_open"
)

// HealthOf returns how a channel does that is on.
func HealthOf(r Record, b Breaker, now time.Time) Health {
	switch {
	case b != BreakerClosed && b != "", r.Consecutive >= failingAfter:
		return Failing
	case r.Consecutive > 0, !r.LastFailure.IsZero() && now.Sub(r.LastFailure) < lately:
		return Degraded
	default:
		return Healthy
	}
}

// ChannelStatus is what an operator wants to know of a channel.
type ChannelStatus struct {
	Name, Kind string
	Enabled    bool
	Health     Health
	Record     Record
	Breaker    Breaker
	// Waiting is how many deliveries wait, or are under way, and OldestWaiting when
	// the first of them was planned; zero: none.
	Waiting       int
	OldestWaiting time.Time
}

// TestResult is what became of a test message.
type TestResult struct {
	Channel  string
	Attempt  Attempt
	Delivery ID
}
