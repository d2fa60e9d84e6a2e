package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/store"
)

// deliverLoop claims what is due on each channel, and has it sent.
func (e *Engine) deliverLoop(ctx context.Context) {
	failing := false
	for {
		next, err := e.claimAll(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing { // once is enough
			e.log.Error("deliveries cannot be claimed", "error", err)
		}
		failing = err != nil
		if !e.claiming.wait(ctx, min(pollEvery, max(0, time.Until(next)))) {
			return
		}
	}
}

// claimAll goes through the channels, and returns when to do so again.
func (e *Engine) claimAll(ctx context.Context) (next time.Time, err error) {
	s := e.current.Load()
	next = time.Now().Add(pollEvery)
	if !s.settings.Enabled {
		return next, nil
	}
	for _, o := range s.outlets {
		now := time.Now()
		at, probe := o.next(now)
		if at.After(now) {
			next = earlier(next, at)
			continue
		}
		if failed := e.claimOn(ctx, o, probe, now); failed != nil {
			err = failed
			continue
		}
		at, _ = o.next(now)
		next = earlier(next, at)
	}
	return next, err
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// claimOn claims what may be sent on a channel now, and sends it. While the breaker is
// half open that is one message, whether it is due or not.
func (e *Engine) claimOn(ctx context.Context, o *outlet, probe bool, now time.Time) error {
	o.looking(now)
	most := cap(o.slots)
	if probe {
		if most = 1; len(o.slots) > 0 { // it is under way
			o.expectMore()
			return nil
		}
	}
	tickets := make([]*ticket, 0, most)
	for len(tickets) < most {
		t, wait := o.ticket()
		if t == nil {
			if wait > 0 {
				o.lookAt(now.Add(wait))
			} else {
				o.expectMore() // whoever gives a slot back has us look again
			}
			break
		}
		tickets = append(tickets, t)
	}
	if len(tickets) == 0 {
		return nil
	}
	claimed, next, err := e.claim(ctx, o, store.Which{Channel: o.policy.Name, Most: len(tickets), Early: probe})
	for n, c := range claimed {
		e.start(c, tickets[n])
	}
	for _, t := range tickets[len(claimed):] {
		t.giveBack()
	}
	switch {
	case next == 0:
		o.expectMore()
	case next > 0:
		o.lookAt(now.Add(next))
	}
	if len(claimed) == most && !probe {
		o.lookNow()
	}
	return err
}

func (e *Engine) claim(ctx context.Context, o *outlet, which store.Which) (claimed []store.Claimed, next time.Duration, err error) {
	claim := store.Claim{ID: delivery.NewID(), For: o.lease()}
	// As in decide: what has begun goes on to its end.
	err = e.store.Work(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) (err error) {
		claimed, next, err = tx.Claim(ctx, which, claim)
		return err
	})
	if err != nil {
		return nil, -1, fmt.Errorf("claim deliveries of channel %s: %w", o.policy.Name, err)
	}
	return claimed, next, nil
}

// done is an attempt that has come to its end.
type done struct {
	outlet  *outlet
	claimed store.Claimed
	attempt delivery.Attempt
	result  channel.Result
	// skipped says that nothing was sent, so that the delivery is to be given back.
	skipped bool
	// recovered says that the channel works again.
	recovered bool
}

// start sends a message that is claimed.
func (e *Engine) start(c store.Claimed, t *ticket) {
	e.stopping.Lock()
	defer e.stopping.Unlock()
	if e.stopped { // the claim ends by itself
		t.giveBack()
		return
	}
	t.use()
	e.sends.Go(func() {
		d, ended := e.send(c, t.outlet)
		select {
		case e.outcomes <- d:
		case <-e.ended: // nobody records any more
		}
		e.free(t.outlet, ended)
	})
}

// free gives back the slot of an attempt once it has ended.
func (e *Engine) free(o *outlet, ended func()) {
	ended()
	<-o.slots
	if o.lookAgain() { // for the slot
		e.claiming.ring()
	}
}

// send makes one attempt. ended returns when the channel does nothing for it any more.
func (e *Engine) send(c store.Claimed, o *outlet) (d done, ended func()) {
	d, ended = done{outlet: o, claimed: c, skipped: true}, func() {}
	state := o.breakerState()
	verdict, err := o.breaker.Allow()
	if err != nil { // it has opened since
		return d, ended
	}
	d.attempt, d.result, ended = e.attempt(e.sending, o, e.notification(c))
	e.meter.Attempted(o.policy.Name, d.result.Outcome, d.attempt.Duration)
	switch {
	case e.sending.Err() != nil && d.result.Outcome != channel.Delivered: // it was interrupted
		verdict(errNoVerdict)
		return d, ended
	case d.result.Outcome == channel.Transient && d.result.RetryAfter > 0:
		if o.leaveAlone(d.result.RetryAfter); d.result.Code < 500 {
			verdict(errNoVerdict) // it works, and wants to be left alone
		} else {
			verdict(errAttempt)
		}
	case d.result.Outcome == channel.Transient:
		verdict(errAttempt)
	default:
		verdict(nil)
		d.recovered = state == delivery.BreakerHalfOpen
	}
	d.skipped = false
	return d, ended
}

// attempt sends a message within the channel's timeout. A channel that goes on beyond it,
// as in a write that hangs, has failed; ended returns when it does not any more.
func (e *Engine) attempt(ctx context.Context, o *outlet, n channel.Notification) (a delivery.Attempt, result channel.Result, ended func()) {
	ctx, cancel := context.WithTimeout(ctx, o.policy.Timeout)
	defer cancel()
	began, results := time.Now(), make(chan channel.Result, 1)
	go func() { results <- sendSafely(ctx, o.sender, n) }()
	result, hangs := await(ctx, results)
	if ended = func() {}; hangs {
		o.hanging.Add(1)
		ended = func() {
			<-results
			o.hanging.Add(-1)
		}
	}
	// What the other side says may be anything, and databases take text alone.
	result.Error, result.Thread = plainText(result.Error), plainText(result.Thread)
	took := time.Since(began)
	return delivery.Attempt{At: began, Duration: took, Outcome: result.Outcome, Code: result.Code, Error: result.Error}, result, ended
}

// await returns the result, and whether there is none even some time after the end of ctx.
func await(ctx context.Context, results <-chan channel.Result) (result channel.Result, hangs bool) {
	select {
	case result = <-results:
		return result, false
	case <-ctx.Done():
	}
	timer := time.NewTimer(impatience)
	defer timer.Stop()
	select {
	case result = <-results:
		return result, false
	case <-timer.C:
		return channel.Result{Outcome: channel.Transient, Error: fmt.Sprintf("it hangs: %s after it had to end it goes on", impatience)}, true
	}
}

// plainText returns a text in valid UTF-8 without NUL characters.
func plainText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "�"), "\x00", "�")
}

// sendSafely makes a panic the message's own misfortune.
func sendSafely(ctx context.Context, sender channel.Channel, n channel.Notification) (result channel.Result) {
	defer func() {
		if value := recover(); value != nil {
			result = channel.Result{Outcome: channel.Permanent, Error: fmt.Sprintf("the channel has panicked: %v", value)}
		}
	}()
	return sender.Send(ctx, n)
}

func (e *Engine) notification(c store.Claimed) channel.Notification {
	n := channel.Render(c.Delivery.ID.String(), c.Notice, e.current.Load().settings.PublicURL)
	n.Thread = c.Thread
	return n
}
