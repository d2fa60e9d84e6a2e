package engine

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store/work"
)

const (
	// sweepEvery is how often the engine looks at messages of channels that are gone.
	sweepEvery = 5 * time.Second
	// sweepBatch is how many deliveries one transaction looks at.
	sweepBatch = 100
	// strangerGrace is how long no replica must have had a channel for its messages to be
	// ended.
	strangerGrace = time.Minute
)

// channelLoop saves which channels there are, and ends the messages of channels that are no
// longer configured.
func (e *Engine) channelLoop(ctx context.Context) {
	e.every(ctx, e.sweeping, "end the messages of channels that are gone", e.sweep)
}

// every calls f now, whenever the bell rings, and now and then.
func (e *Engine) every(ctx context.Context, b bell, task string, f func(ctx context.Context) error) {
	for failing := false; ; {
		err := f(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing { // once is enough
			e.log.Error("task not done, trying again", "task", task, "error", withCause(err))
		}
		failing = err != nil
		if !b.wait(ctx, sweepEvery) {
			return
		}
	}
}

// sweep ends the messages of channels that no replica has any more.
func (e *Engine) sweep(ctx context.Context) error {
	s := e.current.Load()
	if !s.settings.Enabled { // messages wait
		return nil
	}
	if err := e.saveChannels(ctx, s); err != nil {
		return err
	}
	for !e.judged() && ctx.Err() == nil {
		if err := e.inTurn(ctx, func(ctx context.Context, t *turn) error { return t.stand(ctx) }); err != nil {
			return fmt.Errorf("go by new rules: %w", err)
		}
	}
	if err := e.rescheduleChanged(ctx); err != nil {
		return err
	}
	known := make([]string, len(s.policies))
	for i, p := range s.policies {
		known[i] = p.Name
	}
	strangers, now, err := e.work.Strangers(ctx, known)
	if err != nil {
		return err
	}
	if e.swept.IsZero() {
		e.swept = now
	}
	for _, stranger := range strangers {
		// Another replica may have the channel, or be about to start with it.
		if e.store.Shared() && (now.Sub(e.swept) < strangerGrace || now.Sub(stranger.Seen) < strangerGrace) {
			continue
		}
		err := e.eachWaiting(ctx, stranger.Channel, func(t *turn, story *delivery.Story, d *delivery.Delivery) {
			if why := story.Wake(d, delivery.Gone, t.tx.Now()); why != "" {
				t.giveUp(story, d, why, stranger.Fallback)
			}
		})
		if err != nil {
			return fmt.Errorf("end the messages of channel %s: %w", stranger.Channel, err)
		}
	}
	return nil
}

// saveChannels saves which channels there are, so that the fallback of one that is gone is known:
// on SQLite once, as alertd is alone there.
func (e *Engine) saveChannels(ctx context.Context, s *state) error {
	if !e.store.Shared() && e.noted == s {
		return nil
	}
	err := e.work.Transact(ctx, func(ctx context.Context, tx *work.Tx) error { return tx.SaveChannels(ctx, s.policies) })
	if err == nil {
		e.noted = s
	}
	return err
}

// noteRetries notes which channels have other retry settings than before.
func (e *Engine) noteRetries(before, now *state) {
	e.retried.Lock()
	defer e.retried.Unlock()
	for _, p := range now.policies {
		if old := before.policy(p.Name); old != nil && old.Retry != p.Retry {
			e.retried.channels[p.Name] = p.Retry
		}
	}
}

// rescheduleChanged gives what waits for its next attempt on channels whose retry settings
// have changed the time that the new settings give it.
func (e *Engine) rescheduleChanged(ctx context.Context) error {
	e.retried.Lock()
	changed := maps.Clone(e.retried.channels)
	e.retried.Unlock()
	for name, retry := range changed {
		err := e.eachWaiting(ctx, name, func(t *turn, story *delivery.Story, d *delivery.Delivery) {
			story.Reschedule(d, retry, rand.Float64(), t.tx.Now()) //nolint:gosec // jitter
		})
		if err != nil {
			return fmt.Errorf("reschedule the messages of channel %s: %w", name, err)
		}
		e.retried.Lock()
		if e.retried.channels[name] == retry { // else they have changed again
			delete(e.retried.channels, name)
		}
		e.retried.Unlock()
	}
	return nil
}

// eachWaiting calls f for each open delivery of a channel, in turns of a few.
func (e *Engine) eachWaiting(ctx context.Context, name string, f func(t *turn, story *delivery.Story, d *delivery.Delivery)) error {
	for after, more := delivery.Number(0), true; more && ctx.Err() == nil; {
		err := e.inTurn(ctx, func(ctx context.Context, t *turn) error {
			waiting, err := t.tx.Waiting(ctx, name, after, sweepBatch)
			if err != nil {
				return err
			}
			of, err := t.tx.IncidentsOf(ctx, waiting)
			if err != nil {
				return err
			}
			var numbers []incident.Number
			for _, number := range of {
				numbers = append(numbers, number)
			}
			if err := t.load(ctx, numbers); err != nil {
				return err
			}
			for _, number := range waiting {
				if story := t.stories[of[number]]; story != nil {
					if d := story.Find(number); d != nil && d.Open() {
						f(t, story, d)
					}
				}
				after = number
			}
			more = len(waiting) == sweepBatch
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
