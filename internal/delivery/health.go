package delivery

import (
	"time"

	"alertd/internal/channel"
)

// Health is the health of a channel.
type Health string

// The states of health.
const (
	// Healthy: the last attempt worked and none failed lately, or there was no attempt yet.
	Healthy Health = "healthy"
	// Degraded: some attempts fail.
	Degraded Health = "degraded"
	// Failing: several attempts in a row have failed, or the breaker is open.
	Failing Health = "failing"
	// Disabled: the channel is off, or alerting is.
	Disabled Health = "disabled"
)

const (
	// failingAfter is how many failures in a row make a channel failing.
	failingAfter = 3
	// lately is how long a failure keeps a channel degraded.
	lately = 10 * time.Minute
)

// Record has the outcomes of a channel's attempts, on all replicas.
type Record struct {
	// Successes and Failures count attempts since the channel was first used.
	Successes, Failures uint64
	// Consecutive is how many attempts have failed since the last success.
	Consecutive int
	// LastError and LastFailure are the error and the time of the last failure, LastSuccess
	// is the time of the last success. They are zero if there was none.
	LastError                string
	LastFailure, LastSuccess time.Time
}

// Add counts a finished attempt.
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
	// BreakerOpen: no attempt is made for a while.
	BreakerOpen Breaker = "open"
	// BreakerHalfOpen: one attempt is made as a trial.
	BreakerHalfOpen Breaker = "half_open"
)

// HealthOf returns the health of an enabled channel.
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

// ChannelStatus is the state of a channel, for operators.
type ChannelStatus struct {
	Name, Kind string
	Enabled    bool
	Health     Health
	Record     Record
	Activity   Activity
	Breaker    Breaker
	// Waiting is how many deliveries wait or are under way. OldestWaiting is when the oldest
	// of them was planned; zero: none.
	Waiting       int
	OldestWaiting time.Time
}

// TestResult is the outcome of a test message.
type TestResult struct {
	Channel  string
	Attempt  Attempt
	Delivery ID
}
