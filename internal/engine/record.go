package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store/work"
)

const (
	// recordBatch is how many attempts one transaction records at most.
	recordBatch = 256
	// recordTries is how often one attempt is recorded at most while the database works.
	recordTries = 10
)

// recordLoop records the outcomes of attempts until all have ended. Those that come in
// during one transaction share the next.
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

// gather returns an attempt and those that have ended since.
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

// recordAll tries until the database takes the outcomes. If that takes too long after the
// engine was told to end, the claims expire, and the messages are sent again.
func (e *Engine) recordAll(ctx context.Context, batch []done) {
	wait := 50 * time.Millisecond
	for tries := 1; ; tries++ {
		err := e.record(ctx, batch)
		e.recording.set(err)
		if err == nil {
			return
		}
		if len(batch) > 1 { // one of them may be what the database does not take
			for _, d := range batch {
				e.recordAll(ctx, []done{d})
			}
			return
		}
		// An outcome that the database refuses must not hold up the others.
		if e.sending.Err() != nil || tries >= recordTries && e.store.Ready() == nil {
			e.recording.set(nil)
			e.log.Error("outcome of a message not recorded, it is sent again with the same key", "delivery_id", batch[0].claimed.Delivery.ID,
				"error", withCause(err))
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

// errNeedsTurn says that something is to be planned, which only happens in turn.
var errNeedsTurn = errors.New("a delivery is given up, which takes the engine's turn")

// record records attempts in one transaction. It waits for the engine's turn only if a
// message is given up.
func (e *Engine) record(ctx context.Context, batch []done) error {
	record := func(inTurn bool) func(context.Context, *turn) error {
		return func(ctx context.Context, t *turn) error { return t.record(ctx, batch, inTurn) }
	}
	err := e.transact(ctx, e.work.Transact, record(false))
	if errors.Is(err, errNeedsTurn) {
		err = e.transact(ctx, e.work.InTurn, record(true))
	}
	return err
}

func (t *turn) record(ctx context.Context, batch []done, inTurn bool) error {
	e := t.engine
	var numbers []incident.Number
	for _, d := range batch {
		numbers = append(numbers, d.claimed.Delivery.Incident)
	}
	if err := t.load(ctx, numbers); err != nil {
		return err
	}
	for _, done := range batch {
		name, story := done.outlet.policy.Name, t.stories[done.claimed.Delivery.Incident]
		d := story.Find(done.claimed.Delivery.Number)
		if d == nil || d.Status != delivery.Sending || d.Claim != done.claimed.Delivery.Claim {
			t.after = append(t.after, func() {
				e.log.Warn("attempt took longer than its claim, its outcome is not recorded", "channel", name,
					"delivery_id", done.claimed.Delivery.ID, "outcome", done.result.Outcome.String())
			})
			continue
		}
		if done.skipped {
			story.Release(d, t.tx.Now())
			continue
		}
		done.attempt.Number = d.Attempts + 1
		t.changes.Attempts = append(t.changes.Attempts, work.Attempt{Delivery: d.ID, Attempt: done.attempt})
		t.changes.Outcomes = append(t.changes.Outcomes, work.Outcome{Channel: name, Result: done.result})
		change, giveUp := story.Finish(d, done.result, done.outlet.policy.Retry, rand.Float64(), t.tx.Now()) //nolint:gosec // jitter
		if giveUp != "" {
			if !inTurn {
				return errNeedsTurn
			}
			t.giveUp(story, d, giveUp, t.state.fallback(name))
		} else {
			t.note(story.Incident, change)
			if d.Status == delivery.Delivered {
				t.count("messages", 1)
			}
			t.logOutcome(*d, done.result, change)
		}
		if done.recovered {
			t.changes.Recovered = append(t.changes.Recovered, name)
			t.after = append(t.after, e.timers.ring)
		}
	}
	return nil
}

// logOutcome logs an attempt that is to be repeated.
func (t *turn) logOutcome(d delivery.Delivery, r channel.Result, change delivery.Change) {
	if change.Kind != incident.EntryRetrying {
		return
	}
	e := t.engine
	t.after = append(t.after, func() {
		e.log.Warn("message not delivered, to be tried again", "channel", d.Channel, "target", d.Target, "incident", d.Incident,
			"delivery_id", d.ID, "attempt", d.Attempts, "error", r.Error, "next", change.Text)
	})
}
