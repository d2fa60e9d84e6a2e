package engine

import (
	"context"
	"fmt"
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
	// strangerGrace is how long after another replica was last heard of that has a channel
	// its messages are taken for lost.
	strangerGrace = time.Minute
)

// channelLoop notes which channels there are, and ends what waits for channels that are
// not configured any more.
func (e *Engine) channelLoop(ctx context.Context) {
	began := time.Now()
	e.every(ctx, e.sweeping, "end the messages of channels that are gone", func(ctx context.Context) error { return e.sweep(ctx, time.Since(began)) })
}

// every calls f now, whenever the bell rings, and now and then.
func (e *Engine) every(ctx context.Context, b bell, task string, f func(ctx context.Context) error) {
	for failing := false; ; {
		err := f(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing { // once is enough
			e.log.Error("task not done, trying again", "task", task, "error", err)
		}
		failing = err != nil
		if !b.wait(ctx, sweepEvery) {
			return
		}
	}
}

// sweep ends what waits for channels that nobody has any more. up is how long this engine
// runs.
func (e *Engine) sweep(ctx context.Context, up time.Duration) error {
	s := e.current.Load()
	if !s.settings.Enabled { // what waits is kept
		return nil
	}
	if err := e.rescheduleChanged(ctx); err != nil {
		return err
	}
	if err := e.saveChannels(ctx, s); err != nil {
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
	for _, stranger := range strangers {
		// Another replica may have the channel, or be about to start that has.
		if e.store.Shared() && (up < strangerGrace || now.Sub(stranger.Seen) < strangerGrace) {
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

// saveChannels notes which channels there are. Where alertd is alone, once is enough.
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

// noteRetry notes that a channel's retry settings are other ones than before.
func (e *Engine) noteRetry(before *state, p delivery.Policy) {
	if old := before.policy(p.Name); old == nil || old.Retry == p.Retry {
		return
	}
	e.retried.Lock()
	defer e.retried.Unlock()
	if e.retried.channels == nil {
		e.retried.channels = map[string]delivery.Retry{}
	}
	e.retried.channels[p.Name] = p.Retry
}

// rescheduleChanged has what waits take the retry settings that have changed.
func (e *Engine) rescheduleChanged(ctx context.Context) error {
	e.retried.Lock()
	changed := e.retried.channels
	e.retried.channels = nil
	e.retried.Unlock()
	for name, retry := range changed {
		if err := e.reschedule(ctx, name, retry); err != nil {
			return fmt.Errorf("reschedule the messages of channel %s: %w", name, err)
		}
	}
	return nil
}

// reschedule gives what waits on a channel for its next attempt the time that the
// channel's new settings give it.
func (e *Engine) reschedule(ctx context.Context, name string, retry delivery.Retry) error {
	return e.eachWaiting(ctx, name, func(t *turn, story *delivery.Story, d *delivery.Delivery) {
		story.Reschedule(d, retry, rand.Float64(), t.tx.Now()) //nolint:gosec // jitter
	})
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
