package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
)

const (
	// recordBatch is how many attempts one transaction records at most.
	recordBatch = 256
)

// recordLoop records what became of attempts until no more can come. Those that come
// in while one transaction is written share the next.
func (e *Engine) recordLoop(ctx context.Context) {
	for first := range e.outcomes {
		batch := []done{first}
	gather:
		for len(batch) < recordBatch {
			select {
			case d, open := <-e.outcomes:
				if !open {
					break gather
				}
				batch = append(batch, d)
			default:
				break gather
			}
		}
		e.recordAll(ctx, batch)
	}
}

// recordAll tries until the database takes it. Should that take too long after the
// engine was told to end, the claims end by themselves, and the messages are sent again.
func (e *Engine) recordAll(ctx context.Context, batch []done) {
	wait := 50 * time.Millisecond
	for failing := false; ; failing = true {
		err := e.record(ctx, batch)
		if err == nil {
			if failing {
				e.log.Info("deliveries are recorded again")
			}
			return
		}
		if !failing {
			e.log.Error("what became of deliveries cannot be recorded, trying again", "deliveries", len(batch), "error", err)
		}
		if e.sending.Err() != nil {
			e.log.Error("what became of deliveries was not recorded; they are sent again with the same key", "deliveries", len(batch), "error", err)
			return
		}
		pause(e.sending, wait/2+rand.N(wait)) //nolint:gosec // jitter
		wait = min(2*wait, 2*time.Second)
	}
}

// pause returns after a while, or when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// record records attempts in one transaction.
func (e *Engine) record(ctx context.Context, batch []done) error {
	var after []func()
	err := e.store.Work(ctx, func(ctx context.Context, tx *store.Tx) error {
		after = nil
		for _, d := range batch {
			more, err := e.recordOne(ctx, tx, d)
			if err != nil {
				return err
			}
			after = append(after, more...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range after {
		f()
	}
	again := false
	for _, d := range batch {
		if d.recovered {
			d.outlet.lookNow()
			again = true
		}
		again = d.outlet.lookAgain() || again
	}
	if again {
		e.claiming.ring()
	}
	return nil
}

// recordOne records one attempt and what follows from it. It returns what is to be done
// once that is committed.
func (e *Engine) recordOne(ctx context.Context, tx *store.Tx, d done) (after []func(), err error) {
	name := d.outlet.policy.Name
	if d.skipped {
		return nil, tx.Release(ctx, d.claimed)
	}
	number := d.claimed.Delivery.Attempts + 1
	next := delivery.After(d.claimed.Delivery, number, d.result, d.outlet.policy.Retry, rand.Float64(), tx.Now()) //nolint:gosec // jitter
	if next.Status == delivery.Waiting {
		by, err := tx.Overtaken(ctx, d.claimed.Delivery)
		if err != nil {
			return nil, err
		}
		if by != nil {
			next = delivery.Step{Status: delivery.Superseded, DueAt: tx.Now(), Why: "overtaken by " + by.Reason.String()}
		}
	}
	thread := d.result.Thread
	held, err := tx.Finish(ctx, d.claimed, d.attempt, next, thread)
	if err != nil {
		return nil, err
	}
	if !held {
		e.log.Warn("a delivery took longer than its claim, and is another's now", "channel", name, "delivery_id", d.claimed.Delivery.ID, "outcome", d.result.Outcome.String())
		return nil, nil
	}
	if err := tx.Note(ctx, name, d.result); err != nil {
		return nil, err
	}
	if d.recovered {
		if err := tx.Hurry(ctx, name); err != nil {
			return nil, err
		}
	}
	del := d.claimed.Delivery
	what := del.Reason.String()
	switch next.Status {
	case delivery.Delivered:
		return nil, tx.AddEntries(ctx, del.Incident, entryAbout(del, tx.Now(), incident.EntryDelivered, what+" delivered"+attempts(number)))
	case delivery.Waiting:
		d.outlet.lookAt(next.DueAt)
		e.logFailure(d, next, false)
		return []func(){e.claiming.ring}, tx.AddEntries(ctx, del.Incident,
			entryAbout(del, tx.Now(), incident.EntryRetrying, fmt.Sprintf("%s not delivered: %s; %s", what, d.result.Error, next.Why)))
	case delivery.Superseded:
		return []func(){func() { e.meter.Finished(name, delivery.Superseded) }}, tx.AddEntries(ctx, del.Incident,
			entryAbout(del, tx.Now(), incident.EntrySuperseded, fmt.Sprintf("%s not delivered: %s; %s", what, d.result.Error, next.Why)))
	case delivery.Failed, delivery.Sending:
	}
	e.logFailure(d, next, true)
	return e.giveUp(ctx, tx, del, d.claimed.Notice, d.result.Error+"; "+next.Why)
}

func (e *Engine) logFailure(d done, next delivery.Step, last bool) {
	log, text := e.log.Warn, "a message was not delivered"
	if last {
		log, text = e.log.Error, "a message is given up"
	}
	log(text, "channel", d.outlet.policy.Name, "incident", d.claimed.Delivery.Incident, "delivery_id", d.claimed.Delivery.ID,
		"attempt", d.claimed.Delivery.Attempts+1, "error", d.result.Error, "next", next.Why)
}

// giveUp records that a delivery has failed, and plans one on the channel's fallback.
func (e *Engine) giveUp(ctx context.Context, tx *store.Tx, d delivery.Delivery, n incident.Notice, why string) (after []func(), err error) {
	entries := []incident.Entry{entryAbout(d, tx.Now(), incident.EntryFailed, d.Reason.String()+" not delivered: "+why)}
	after = []func(){func() { e.meter.Finished(d.Channel, delivery.Failed) }, e.reporting.ring}
	s := e.current.Load()
	if name := s.fallback(d.Channel); name != "" {
		entry, woken, err := e.fallBack(ctx, tx, d, n, s, name)
		if err != nil {
			return nil, err
		}
		entries, after = append(entries, entry), append(after, woken...)
	}
	return after, tx.AddEntries(ctx, d.Incident, entries...)
}

// fallback returns the channel that takes a channel's place, "" if there is none.
func (s *state) fallback(name string) string {
	for _, p := range s.policies {
		if p.Name == name {
			return p.Fallback
		}
	}
	return ""
}

// fallBack plans a delivery on another channel in place of one that has failed.
func (e *Engine) fallBack(ctx context.Context, tx *store.Tx, d delivery.Delivery, n incident.Notice, s *state, name string) (incident.Entry, []func(), error) {
	o := s.outlets[name]
	if o == nil {
		return entryAbout(d, tx.Now(), incident.EntryFailed, "the fallback "+name+" is off"), nil, nil
	}
	instead := delivery.Delivery{
		ID: delivery.NewID(), Incident: d.Incident, Notice: d.Notice, Reason: d.Reason, Channel: name, FallbackFor: d.ID,
		GiveUpAt: tx.Now().Add(o.policy.Retry.GiveUpAfter),
	}
	added, err := tx.AddDelivery(ctx, instead, store.Claim{})
	if err != nil {
		return incident.Entry{}, nil, err
	}
	if !added {
		return entryAbout(d, tx.Now(), incident.EntryPlanned, "the fallback "+name+" was told already"), nil, nil
	}
	wake := func() {
		o.expectMore()
		o.lookNow()
		e.claiming.ring()
	}
	entry := entryAbout(instead, tx.Now(), incident.EntryPlanned, n.Reason.String()+" told to the fallback "+name+" instead of "+d.Channel)
	return entry, []func(){wake}, nil
}

func attempts(n int) string {
	if n == 1 {
		return ""
	}
	return " at attempt " + strconv.Itoa(n)
}

// entryAbout is a line of a timeline about a delivery.
func entryAbout(d delivery.Delivery, at time.Time, kind incident.EntryKind, reason string) incident.Entry {
	return incident.Entry{At: at, Kind: kind, Reason: reason, Channel: d.Channel, Delivery: d.ID.String()}
}
