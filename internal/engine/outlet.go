package engine

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"alertd/internal/channel"
	"alertd/internal/delivery"
)

const (
	// breakerAfter is how many attempts in a row must fail for the breaker to open.
	breakerAfter = 5
	// breakerPause is how long it stays open before one attempt is made, to see.
	breakerPause = 15 * time.Second
	// leaseMargin is how long a claim lasts beyond the attempt that it is for.
	leaseMargin = 10 * time.Second
	// longQuiet is the longest pause that a channel may ask for and still count as working.
	longQuiet = time.Minute
)

// outlet is a channel that is on, with what bounds its use. Safe for concurrent use.
type outlet struct {
	policy  delivery.Policy
	config  any
	sender  channel.Channel
	slots   chan struct{} // one for each attempt under way
	breaker *gobreaker.TwoStepCircuitBreaker[any]
	hanging atomic.Int32 // attempts that go on beyond their time
	claims  check

	mu     sync.Mutex
	due    time.Time // when to claim deliveries next
	quiet  time.Time // when the pause ends that the other side asked for
	opened time.Time // when the breaker opened last
	failed string    // the error of the last attempt that has failed for now
	more   bool      // ready deliveries found no slot
	closed bool      // nothing is sent any more
}

// open opens a channel that is on.
func (e *Engine) open(c Channel) (*outlet, error) {
	sender, err := c.Open()
	if err != nil {
		return nil, err
	}
	o := &outlet{policy: c.Policy, config: c.Config, sender: sender, slots: make(chan struct{}, max(1, c.Policy.Concurrency))}
	o.claims = check{
		log: e.log.With("channel", c.Policy.Name), task: "claim",
		failing: "messages of channel " + c.Policy.Name + " cannot be claimed",
	}
	o.breaker = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Name: c.Policy.Name, MaxRequests: 1, Timeout: breakerPause,
		ReadyToTrip: func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= breakerAfter },
		IsExcluded:  func(err error) bool { return errors.Is(err, errNoVerdict) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				o.mu.Lock()
				o.opened = time.Now()
				o.mu.Unlock()
			}
			e.log.Info("channel breaker changed", "channel", c.Policy.Name, "from", from.String(), "to", to.String())
		},
	})
	return o, nil
}

// What an attempt tells the breaker: that it has failed, or nothing about the other side.
var (
	errAttempt   = errors.New("the attempt has failed")
	errNoVerdict = errors.New("the attempt says nothing about the channel")
)

// isLike reports whether a channel's settings are those of the outlet.
func (o *outlet) isLike(c Channel) bool {
	return reflect.DeepEqual(o.policy, c.Policy) && reflect.DeepEqual(o.config, c.Config)
}

// lease is how long a claim lasts.
func (o *outlet) lease() time.Duration { return o.policy.Timeout + leaseMargin }

// ticket is the right to make one attempt: a slot.
type ticket struct{ outlet *outlet }

// reserve returns a ticket, or nil if no attempt may begin now.
func (o *outlet) reserve() *ticket {
	if !o.usable() || o.breaker.State() != gobreaker.StateClosed {
		return nil
	}
	return o.ticket()
}

// usable reports whether the channel is open and has not asked for a pause.
func (o *outlet) usable() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.closed && !time.Now().Before(o.quiet)
}

// ticket returns a ticket, or nil if there is no slot.
func (o *outlet) ticket() *ticket {
	select {
	case o.slots <- struct{}{}:
		return &ticket{o}
	default:
		return nil
	}
}

// giveBack returns a ticket that was not used.
func (t *ticket) giveBack() { <-t.outlet.slots }

// slot waits for a slot. It returns false if ctx ends first, or if the
// channel is closed.
func (o *outlet) slot(ctx context.Context) bool {
	select {
	case o.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		<-o.slots
	}
	return !o.closed
}

// close stops new attempts, and returns once those under way have ended.
func (o *outlet) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	for range cap(o.slots) {
		o.slots <- struct{}{}
	}
}

// claimNow makes the next claim due at once.
func (o *outlet) claimNow() { o.claimAt(time.Time{}) }

// claimAt makes the next claim due at that time, unless it is due earlier.
func (o *outlet) claimAt(at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if at.Before(o.due) {
		o.due = at
	}
}

// hasFailed notes the error of an attempt that has failed for now.
func (o *outlet) hasFailed(err string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed = err
}

// leaveAlone pauses the channel.
func (o *outlet) leaveAlone(wait time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if until := time.Now().Add(wait); until.After(o.quiet) {
		o.quiet = until
	}
}

// works reports whether the channel takes messages: no attempt hangs, the breaker is
// closed, and the other side has not asked for a long pause.
func (o *outlet) works() bool {
	if o.hanging.Load() > 0 || o.breakerState() != delivery.BreakerClosed {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Until(o.quiet) <= longQuiet
}

// next returns when to claim deliveries, and whether to claim only one as a probe.
func (o *outlet) next(now time.Time) (at time.Time, probe bool) {
	state := o.breaker.State()
	o.mu.Lock()
	defer o.mu.Unlock()
	at = later(o.due, o.quiet)
	if state == gobreaker.StateOpen { // a moment after its pause, when it lets a probe through
		at = later(at, later(o.opened.Add(breakerPause), now).Add(time.Millisecond))
	}
	return at, state == gobreaker.StateHalfOpen
}

// pausedUntil returns when something may be sent again, now at the earliest. why says what
// keeps messages from being sent at once; "": nothing.
func (o *outlet) pausedUntil(now time.Time) (at time.Time, why string) {
	state := o.breaker.State()
	o.mu.Lock()
	defer o.mu.Unlock()
	at = later(now, o.quiet)
	if state == gobreaker.StateOpen {
		at = later(at, o.opened.Add(breakerPause))
	}
	switch {
	case state != gobreaker.StateClosed:
		why = "no attempt but a trial is made while channel " + o.policy.Name + " fails"
	case at.After(now):
		why = "channel " + o.policy.Name + " has asked for a pause"
	default:
		return at, ""
	}
	if o.failed != "" {
		why += ": " + o.failed
	}
	return at, why
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// beginClaim notes that a claim begins. It may miss what becomes ready from now on, which
// makes another claim due.
func (o *outlet) beginClaim(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.due, o.more = now.Add(pollEvery), false
}

// leaveForLater notes that ready deliveries found no slot.
func (o *outlet) leaveForLater() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.more = true
}

// slotFreed makes a claim due if deliveries were left for later, and reports whether.
func (o *outlet) slotFreed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more {
		o.due = time.Time{}
	}
	return o.more
}

// breakerState returns the state of the breaker.
func (o *outlet) breakerState() delivery.Breaker {
	switch o.breaker.State() {
	case gobreaker.StateOpen:
		return delivery.BreakerOpen
	case gobreaker.StateHalfOpen:
		return delivery.BreakerHalfOpen
	case gobreaker.StateClosed:
	}
	return delivery.BreakerClosed
}
