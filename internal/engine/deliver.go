package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store/work"
)

// claimLoop claims what is ready on each channel, and has it sent.
func (e *Engine) claimLoop(ctx context.Context) {
	for {
		next := e.claimAll(ctx)
		if ctx.Err() == nil && e.DeliveriesReady() == nil {
			e.claims.Add(1)
		}
		if ctx.Err() != nil || !e.claiming.wait(ctx, min(pollEvery, max(0, time.Until(next)))) {
			return
		}
	}
}

// claimAll goes through the channels, and returns when to do so again.
func (e *Engine) claimAll(ctx context.Context) (next time.Time) {
	s := e.current.Load()
	next = time.Now().Add(pollEvery)
	if !s.settings.Enabled {
		return next
	}
	for _, o := range s.outlets {
		now := time.Now()
		at, probe := o.next(now)
		if !at.After(now) {
			err := e.claimOn(ctx, o, probe, now)
			if ctx.Err() != nil {
				return next
			}
			o.claims.set(err)
			if at, _ = o.next(now); err != nil {
				at = next
			}
		}
		next = earlier(next, at)
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// claimOn claims what may be sent on a channel now, and sends it. A probe is one message,
// even if its next attempt is not due yet.
func (e *Engine) claimOn(ctx context.Context, o *outlet, probe bool, now time.Time) error {
	o.beginClaim(now)
	most := cap(o.slots)
	if probe {
		if most = 1; len(o.slots) > 0 { // the probe is under way
			o.leaveForLater()
			return nil
		}
	}
	tickets := o.tickets(most)
	if len(tickets) == 0 {
		return nil
	}
	claimed, void, err := e.claim(ctx, o, len(tickets), probe)
	for n, c := range claimed {
		e.start(c, tickets[n])
	}
	for _, t := range tickets[len(claimed):] {
		t.giveBack()
	}
	if len(claimed)+len(void) == most && !probe {
		o.claimNow()
	}
	if err == nil && len(void) > 0 {
		err = e.endVoid(ctx, void)
	}
	if err != nil {
		return fmt.Errorf("claim deliveries of channel %s: %w", o.policy.Name, err)
	}
	return nil
}

// tickets returns as many tickets as there are, at most so many.
func (o *outlet) tickets(most int) []*ticket {
	tickets := make([]*ticket, 0, most)
	for len(tickets) < most {
		t := o.ticket()
		if t == nil {
			o.leaveForLater() // until a slot is given back
			break
		}
		tickets = append(tickets, t)
	}
	return tickets
}

// claimed is a delivery that is this engine's to send: its claim says so.
type claimed struct {
	Delivery delivery.Delivery
	Notice   incident.Notice
	// Thread is what the first message about the incident to the target has left.
	Thread string
}

// claim claims ready deliveries of a channel. void are those that need not or cannot be
// sent.
func (e *Engine) claim(ctx context.Context, o *outlet, most int, probe bool) (claims []claimed, void []work.Claimable, err error) {
	// As in transact: what has begun goes on to its end.
	err = e.work.Transact(context.WithoutCancel(ctx), func(ctx context.Context, tx *work.Tx) error {
		claims, void = nil, nil
		found, err := tx.Ready(ctx, o.policy.Name, most)
		if err == nil && len(found) == 0 && probe {
			found, err = probeOf(ctx, tx, o.policy.Name)
		}
		if err != nil {
			return err
		}
		var taken []*delivery.Delivery
		id := delivery.NewID()
		for _, c := range found {
			if c.Err != nil || c.Delivery.Void(c.Generation) {
				void = append(void, c)
				continue
			}
			c.Delivery.Claimed(id, tx.Now().Add(o.lease()))
			claims = append(claims, claimed{c.Delivery, c.Notice, c.Thread})
			taken = append(taken, &c.Delivery)
		}
		return tx.Claim(ctx, taken)
	})
	if err != nil {
		return nil, nil, err
	}
	return claims, void, nil
}

// probeLimit is how many waiting deliveries are looked at for one that is the first in its
// line.
const probeLimit = 20

// probeOf returns a delivery that waits for its next attempt, to be sent before its time.
func probeOf(ctx context.Context, tx *work.Tx, channel string) ([]work.Claimable, error) {
	waiting, err := tx.WaitingFor(ctx, channel, probeLimit)
	if err != nil || len(waiting) == 0 {
		return nil, err
	}
	var numbers []incident.Number
	for _, c := range waiting {
		numbers = append(numbers, c.Delivery.Incident)
	}
	stories, err := tx.Stories(ctx, numbers)
	if err != nil {
		return nil, err
	}
	for _, c := range waiting {
		if d := stories[c.Delivery.Incident].First(channel, c.Delivery.Target); d != nil && d.Number == c.Delivery.Number {
			c.Delivery = *d
			return []work.Claimable{c}, nil
		}
	}
	return nil, nil
}

// endVoid ends deliveries that are not sent after all.
func (e *Engine) endVoid(ctx context.Context, void []work.Claimable) error {
	return e.inTurn(ctx, func(ctx context.Context, t *turn) error {
		var numbers []incident.Number
		for _, c := range void {
			numbers = append(numbers, c.Delivery.Incident)
		}
		if err := t.load(ctx, numbers); err != nil {
			return err
		}
		for _, c := range void {
			story := t.stories[c.Delivery.Incident]
			switch d := story.Find(c.Delivery.Number); {
			case d == nil || d.Status != delivery.Waiting:
			case c.Err != nil:
				d.Error = "the message cannot be read: " + c.Err.Error()
				t.giveUp(story, d, d.Error, "")
			default:
				t.note(story.Incident, story.Void(d, "the incident was acknowledged since", t.tx.Now())...)
			}
		}
		return nil
	})
}

// done is an attempt that has come to its end.
type done struct {
	outlet  *outlet
	claimed claimed
	attempt delivery.Attempt
	result  channel.Result
	// skipped says that nothing was sent, so that the delivery is to be given back.
	skipped bool
	// recovered says that the channel works again.
	recovered bool
}

// start sends a message that is claimed.
func (e *Engine) start(c claimed, t *ticket) {
	e.stopping.Lock()
	defer e.stopping.Unlock()
	if e.stopped { // the claim expires
		t.giveBack()
		return
	}
	e.sends.Go(func() {
		d, ended := e.send(c, t.outlet)
		select {
		case e.outcomes <- d:
		case <-e.ended: // nobody records any more
		}
		if ended == nil {
			e.free(t.outlet)
			return
		}
		go func() { // a channel may hang in a write until the process ends
			ended()
			e.free(t.outlet)
		}()
	})
}

// free gives back the slot of an attempt once it has ended.
func (e *Engine) free(o *outlet) {
	<-o.slots
	if o.slotFreed() {
		e.claiming.ring()
	}
}

// send makes one attempt. ended is nil unless the attempt hangs; then it returns once the
// attempt has ended.
func (e *Engine) send(c claimed, o *outlet) (d done, ended func()) {
	d = done{outlet: o, claimed: c, skipped: true}
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
		o.hasFailed(d.result.Error)
		if o.leaveAlone(d.result.RetryAfter); d.result.Code < 500 {
			verdict(errNoVerdict) // it works, and asks for a pause
		} else {
			verdict(errAttempt)
		}
	case d.result.Outcome == channel.Transient:
		o.hasFailed(d.result.Error) // first: the breaker may open
		verdict(errAttempt)
	default:
		verdict(nil)
		d.recovered = state == delivery.BreakerHalfOpen
	}
	d.skipped = false
	return d, ended
}

// attempt sends a message within the channel's timeout. An attempt that goes on beyond it,
// as in a write that hangs, has failed; ended is as that of send.
func (e *Engine) attempt(ctx context.Context, o *outlet, n channel.Notification) (a delivery.Attempt, result channel.Result, ended func()) {
	ctx, cancel := context.WithTimeout(ctx, o.policy.Timeout)
	defer cancel()
	e.noteTemplate(n)
	began, results := time.Now(), make(chan channel.Result, 1)
	go func() { results <- sendSafely(ctx, o.sender, n) }()
	result, hangs := await(ctx, results)
	if hangs {
		o.hanging.Add(1)
		ended = func() {
			<-results
			o.hanging.Add(-1)
		}
	}
	// The other side may say anything, but databases take valid text only.
	result.Error, result.Thread = plainText(result.Error), plainText(result.Thread)
	took := time.Since(began)
	return delivery.Attempt{At: began, Duration: took, Outcome: result.Outcome, Code: result.Code, Error: result.Error}, result, ended
}

// await returns the result. The attempt hangs if there is none some time after ctx has ended.
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
		return channel.Result{Outcome: channel.Transient, Error: fmt.Sprintf("it hangs: the attempt goes on %s after its timeout", impatience)}, true
	}
}

// plainText returns a text in valid UTF-8 without NUL characters.
func plainText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "�"), "\x00", "�")
}

// sendSafely turns a panic into a failure of the message for good.
func sendSafely(ctx context.Context, sender channel.Channel, n channel.Notification) (result channel.Result) {
	defer func() {
		if value := recover(); value != nil {
			result = channel.Result{Outcome: channel.Permanent, Error: fmt.Sprintf("the channel has panicked: %v", value)}
		}
	}()
	return sender.Send(ctx, n)
}

func (e *Engine) notification(c claimed) channel.Notification {
	s := e.current.Load()
	n := channel.Render(c.Delivery.ID.String(), c.Notice, s.settings.PublicURL)
	n.Thread, n.Target, n.Channel = c.Thread, c.Delivery.Target, c.Delivery.Channel
	return s.wording.words(n)
}
