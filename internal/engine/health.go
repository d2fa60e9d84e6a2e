package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
)

// check is whether one thing works that the engine does. Safe for concurrent use.
type check struct {
	log     *slog.Logger
	task    string // for the log
	failing string // for people, such as "events are not folded into incidents"
	err     atomic.Pointer[alerting.Error]
	passes  atomic.Uint64 // tries that went well
}

// set notes how the last try went, and logs when that changes.
func (c *check) set(err error) {
	if err == nil {
		c.passes.Add(1)
		if c.err.Swap(nil) != nil {
			c.log.Info("engine task works again", "task", c.task)
		}
		return
	}
	known := &alerting.Error{Code: alerting.CodeUnavailable, Message: c.failing, Cause: err}
	if cause, ok := errors.AsType[*alerting.Error](err); ok {
		known.Message += ": " + cause.Message
	}
	if c.err.Swap(known) == nil {
		c.log.Error("engine task failing", "task", c.task, "error", withCause(err))
	}
}

// withCause has an error tell what it was caused by, for the log: the text of an
// [*alerting.Error] is for users, who need not see what the database said.
func withCause(err error) error {
	if known, ok := errors.AsType[*alerting.Error](err); ok && known.Cause != nil {
		return fmt.Errorf("%w: %w", err, known.Cause)
	}
	return err
}

// get returns nil if the thing works, else an [*alerting.Error].
func (c *check) get() error {
	if err := c.err.Load(); err != nil {
		return err
	}
	return nil
}

// Ready returns nil if events are folded into incidents, else an [*alerting.Error] that
// says why not.
func (e *Engine) Ready() error { return e.folds.get() }

// TimersReady returns nil if what waits for a time is done in time, else an
// [*alerting.Error] that says why not.
func (e *Engine) TimersReady() error {
	if err := e.timing.get(); err != nil {
		return err
	}
	if late := time.Since(time.Unix(0, e.onTime.Load())); late > overdueAfter {
		return &alerting.Error{Code: alerting.CodeUnavailable, Message: fmt.Sprintf("timers are overdue by %s", late.Round(time.Second))}
	}
	return nil
}

// DeliveriesReady returns nil if messages can be claimed on all channels, and the outcomes
// of attempts recorded, else an [*alerting.Error] that says what cannot.
func (e *Engine) DeliveriesReady() error {
	if err := e.recording.get(); err != nil {
		return err
	}
	s := e.current.Load()
	for _, name := range slices.Sorted(maps.Keys(s.outlets)) {
		if err := s.outlets[name].claims.get(); err != nil {
			return err
		}
	}
	return nil
}

// FoldProgress goes up whenever events were folded, or there were none.
func (e *Engine) FoldProgress() uint64 { return e.folds.passes.Load() }

// TimerProgress goes up whenever all that was due was done.
func (e *Engine) TimerProgress() uint64 { return e.timing.passes.Load() }

// DeliveryProgress goes up whenever the channels were looked at for messages to send, and
// messages can be claimed and their outcomes recorded.
func (e *Engine) DeliveryProgress() uint64 { return e.claims.Load() }

// Channels returns how each channel does, by name.
func (e *Engine) Channels(ctx context.Context) ([]delivery.ChannelStatus, error) {
	s := e.current.Load()
	records, err := e.work.ChannelRecords(ctx)
	if err != nil {
		return nil, err
	}
	queues, now, err := e.work.Queues(ctx)
	if err != nil {
		return nil, err
	}
	quiet := delivery.NewActivity(now)
	hours, err := e.work.ChannelActivity(ctx, quiet[0].Start)
	if err != nil {
		return nil, err
	}
	statuses := make([]delivery.ChannelStatus, 0, len(s.policies))
	for _, p := range s.policies {
		q := queues[p.Name]
		status := delivery.ChannelStatus{
			Name: p.Name, Kind: p.Kind, Enabled: p.Enabled, Health: delivery.Disabled, Record: records[p.Name], Activity: quiet,
			Breaker: delivery.BreakerClosed, Waiting: q.Waiting, OldestWaiting: q.Oldest,
		}
		for _, hour := range hours[p.Name] {
			status.Activity.Add(hour)
		}
		if o := s.outlets[p.Name]; o != nil {
			status.Breaker = o.breakerState()
			if s.settings.Enabled {
				status.Health = o.health(&status.Record, now)
			}
		}
		statuses = append(statuses, status)
	}
	return statuses, nil
}

// health returns how the channel does. Trouble that is no attempt's is in the record
// then.
func (o *outlet) health(r *delivery.Record, now time.Time) delivery.Health {
	if err := o.claims.get(); err != nil {
		r.LastError = err.Error()
		return delivery.Failing
	}
	if o.hanging.Load() > 0 {
		return delivery.Failing
	}
	return delivery.HealthOf(*r, o.breakerState(), now)
}
