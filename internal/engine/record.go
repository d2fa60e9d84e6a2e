package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
)

const (
	// recordBatch is how many attempts one transaction records at most.
	recordBatch = 256
	// recordTries is how often one attempt is recorded at most while the database works.
	recordTries = 10
)

// recordLoop records what became of attempts until all were sent. Those that come in
// while one transaction is written share the next.
func (e *Engine) recordLoop(ctx context.Context, sent <-chan struct{}) {
	for {
		select {
		case first := <-e.outcomes:
			e.recordAll(ctx, e.gather(first))
		case <-sent:
			for {
				select {
				case first := <-e.outcomes:
					e.recordAll(ctx, e.gather(first))
				default:
					return
				}
			}
		}
	}
}

// gather returns an attempt and those that have come to their end since.
func (e *Engine) gather(first done) []done {
	batch := []done{first}
	for len(batch) < recordBatch {
		select {
		case d := <-e.outcomes:
			batch = append(batch, d)
		default:
			return batch
		}
	}
	return batch
}

// recordAll tries until the database takes it. Should that take too long after the
// engine was told to end, the claims end by themselves, and the messages are sent again.
func (e *Engine) recordAll(ctx context.Context, batch []done) {
	wait := 50 * time.Millisecond
	for tries := 1; ; tries++ {
		failing := tries > 1
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
		if len(batch) > 1 { // one of them may be what the database does not take
			for _, d := range batch {
				e.recordAll(ctx, []done{d})
			}
			return
		}
		// One that a database which works does not take must not hold up the others.
		if e.sending.Err() != nil || tries >= recordTries && e.store.Ready() == nil {
			e.log.Error("what became of deliveries was not recorded; they are sent again with the same key", "deliveries", len(batch), "error", err)
			return
		}
		pause(e.sending, wait/2+rand.N(wait)) //nolint:contextcheck,gosec // as long as the engine sends; jitter
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
	// All replicas in one order, so that none waits for another that waits for it.
	slices.SortStableFunc(batch, func(a, b done) int { return strings.Compare(a.outlet.policy.Name, b.outlet.policy.Name) })
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
		return []func(){func() {
			e.log.Warn("a delivery took longer than its claim, and is another's now", "channel", name, "delivery_id", d.claimed.Delivery.ID, "outcome", d.result.Outcome.String())
		}}, nil
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
		what += " delivered" + attempts(number)
		if d.result.Error != "" { // not to everybody
			what += ": " + d.result.Error
			after = append(after, func() {
				e.log.Warn("a message was delivered in part", "channel", name, "delivery_id", del.ID, "error", d.result.Error)
			})
		}
		return after, tx.AddEntries(ctx, del.Incident, entryAbout(del, tx.Now(), incident.EntryDelivered, what))
	case delivery.Waiting:
		look := func() {
			d.outlet.lookAt(next.DueAt)
			e.claiming.ring()
			e.logFailure(d, next, false)
		}
		return []func(){look}, tx.AddEntries(ctx, del.Incident,
			entryAbout(del, tx.Now(), incident.EntryRetrying, fmt.Sprintf("%s not delivered: %s; %s", what, d.result.Error, next.Why)))
	case delivery.Superseded:
		return []func(){func() { e.meter.Finished(name, delivery.Superseded) }}, tx.AddEntries(ctx, del.Incident,
			entryAbout(del, tx.Now(), incident.EntrySuperseded, fmt.Sprintf("%s not delivered: %s; %s", what, d.result.Error, next.Why)))
	case delivery.Failed, delivery.Sending:
	}
	after, err = e.giveUp(ctx, tx, del, d.result.Error+"; "+next.Why)
	return append(after, func() { e.logFailure(d, next, true) }), err
}

func (e *Engine) logFailure(d done, next delivery.Step, last bool) {
	log, text := e.log.Warn, "a message was not delivered"
	if last {
		log, text = e.log.Error, "a message is given up"
	}
	log(text, "channel", d.outlet.policy.Name, "incident", d.claimed.Delivery.Incident, "delivery_id", d.claimed.Delivery.ID,
		"attempt", d.claimed.Delivery.Attempts+1, "error", d.result.Error, "next", next.Why)
}

// giveUp records that a delivery has failed, and plans it on the channel's fallback,
// with what there was to be told since, so that the fallback hears the story from here to
// its end. On a channel that has heard nothing of the incident nothing else is sent.
func (e *Engine) giveUp(ctx context.Context, tx *store.Tx, d delivery.Delivery, why string) (after []func(), err error) {
	if err := tx.Hold(ctx); err != nil { // nobody plans anything meanwhile
		return nil, err
	}
	entries := []incident.Entry{entryAbout(d, tx.Now(), incident.EntryFailed, d.Reason.String()+" not delivered: "+why)}
	after = []func(){func() { e.meter.Finished(d.Channel, delivery.Failed) }, e.reporting.ring}
	later, err := tx.Later(ctx, d)
	if err != nil {
		return nil, err
	}
	s := e.current.Load()
	if name := s.fallback(d.Channel); name != "" {
		for _, told := range append([]delivery.Delivery{d}, later...) {
			entry, woken, err := e.fallBack(ctx, tx, told, s, name)
			if err != nil {
				return nil, err
			}
			entries, after = append(entries, entry), append(after, woken...)
		}
	}
	heard, err := tx.Heard(ctx, d)
	if err != nil {
		return nil, err
	}
	for _, waiting := range later {
		if heard || waiting.Reason.Introduces() || waiting.Status != delivery.Waiting {
			break
		}
		ended, err := tx.End(ctx, waiting, delivery.Superseded, "the channel has heard nothing of the incident")
		if err != nil {
			return nil, err
		}
		if ended {
			entries = append(entries, entryAbout(waiting, tx.Now(), incident.EntrySuperseded,
				waiting.Reason.String()+" not sent: the channel has heard nothing of the incident"))
			after = append(after, func() { e.meter.Finished(waiting.Channel, delivery.Superseded) })
		}
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
func (e *Engine) fallBack(ctx context.Context, tx *store.Tx, d delivery.Delivery, s *state, name string) (incident.Entry, []func(), error) {
	o := s.outlets[name]
	if o == nil {
		return entryAbout(d, tx.Now(), incident.EntryFailed, "the fallback "+name+" is off"), nil, nil
	}
	there := d
	there.Channel = name
	if passed, err := tx.Passed(ctx, there); err != nil || passed {
		return entryAbout(d, tx.Now(), incident.EntryPlanned, "the fallback "+name+" was told of what came after it already"), nil, err
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
	entry := entryAbout(instead, tx.Now(), incident.EntryPlanned, d.Reason.String()+" told to the fallback "+name+" instead of "+d.Channel)
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
