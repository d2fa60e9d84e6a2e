package engine

import (
	"context"
	"fmt"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
)

// Acknowledge notes that somebody works on an incident, and tells so. The error is an
// [*alerting.Error]: [alerting.CodeNotFound], or [alerting.CodeConflict] if it is
// resolved.
func (e *Engine) Acknowledge(ctx context.Context, id incident.ID, a incident.Action) (incident.Incident, error) {
	return e.act(ctx, id, func(i *incident.Incident, last *alerting.Event, now time.Time) (incident.Change, error) {
		return i.Acknowledge(a, last, now)
	})
}

// Resolve ends an incident, and tells so. The error is an [*alerting.Error] with
// [alerting.CodeNotFound] if there is none.
func (e *Engine) Resolve(ctx context.Context, id incident.ID, a incident.Action) (incident.Incident, error) {
	return e.act(ctx, id, func(i *incident.Incident, last *alerting.Event, now time.Time) (incident.Change, error) {
		return i.Resolve(a, last, now), nil
	})
}

func (e *Engine) act(ctx context.Context, id incident.ID,
	f func(i *incident.Incident, last *alerting.Event, now time.Time) (incident.Change, error),
) (i incident.Incident, err error) {
	err = e.decide(ctx, func(ctx context.Context, p *plan) error {
		if i, err = p.tx.Incident(ctx, id); err != nil {
			return err
		}
		last, err := p.tx.Event(ctx, i.LastEvent)
		if err != nil {
			return err
		}
		change, err := f(&i, last, p.tx.Now())
		if err != nil || change.Notice == nil {
			return err
		}
		return p.apply(ctx, i, change)
	})
	return i, err
}

// RetryDelivery has a delivery that has failed tried again. If its incident is resolved
// since, the channel is told that, too, so that none is left that never ends. The error is an
// [*alerting.Error]: [alerting.CodeNotFound], or [alerting.CodeConflict] if it has not
// failed, if the channel was told since what came after it, or if the channel is off.
func (e *Engine) RetryDelivery(ctx context.Context, id delivery.ID) (delivery.Delivery, error) {
	d, _, err := e.store.Delivery(ctx, id)
	if err != nil {
		return d, err
	}
	o := e.current.Load().outlets[d.Channel]
	if o == nil {
		return d, &alerting.Error{Code: alerting.CodeConflict, Message: fmt.Sprintf("channel %s is off", d.Channel)}
	}
	err = e.store.Decide(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Retry(ctx, id, tx.Now().Add(o.policy.Retry.GiveUpAfter)); err != nil {
			return err
		}
		if err := e.conclude(ctx, tx, d, o.policy); err != nil {
			return err
		}
		return tx.AddEntries(ctx, d.Incident, entryAbout(d, tx.Now(), incident.EntryRetrying, d.Reason.String()+" tried again by hand"))
	})
	if err != nil {
		return d, err
	}
	o.lookNow()
	e.claiming.ring()
	d, _, err = e.store.Delivery(ctx, id)
	return d, err
}

// conclude has a resolution told after what came before it.
func (e *Engine) conclude(ctx context.Context, tx *store.Tx, d delivery.Delivery, p delivery.Policy) error {
	i, err := tx.Incident(ctx, d.IncidentID)
	if err != nil || i.Status != incident.Resolved || !p.Resolved || d.Reason == incident.WasResolved {
		return err
	}
	return tx.Conclude(ctx, delivery.Delivery{
		ID: delivery.NewID(), Incident: d.Incident, Notice: i.Notices, Reason: incident.WasResolved, Channel: d.Channel,
		GiveUpAt: tx.Now().Add(p.Retry.GiveUpAfter),
	})
}

// TestChannel sends one message that says that it is a test, and returns what became
// of it. It is not repeated, and no breaker keeps it back. The error is an
// [*alerting.Error]: [alerting.CodeNotFound] if there is no such channel, or
// [alerting.CodeConflict] if it is off.
func (e *Engine) TestChannel(ctx context.Context, name string) (delivery.TestResult, error) {
	s := e.current.Load()
	o, err := s.outlet(name)
	if err != nil {
		return delivery.TestResult{}, err
	}
	id := delivery.NewID()
	if !o.slot(ctx) {
		return delivery.TestResult{}, &alerting.Error{Code: alerting.CodeUnavailable, Message: fmt.Sprintf(
			"channel %s is busy, or is being replaced; try again", name)}
	}
	attempt, result, ended := e.attempt(ctx, o, testMessage(id, time.Now()))
	go e.free(o, ended)
	err = e.store.Work(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Note(ctx, name, result); err != nil || result.Outcome != channel.Delivered {
			return err
		}
		return tx.Hurry(ctx, name)
	})
	if err != nil {
		e.log.Warn("what became of a test is not in the channel's record", "channel", name, "error", err)
	}
	o.lookNow()
	e.claiming.ring()
	return delivery.TestResult{Channel: name, Attempt: attempt, Delivery: id}, nil
}

// outlet returns a channel that is on.
func (s *state) outlet(name string) (*outlet, error) {
	if o := s.outlets[name]; o != nil {
		return o, nil
	}
	for _, p := range s.policies {
		if p.Name == name {
			return nil, &alerting.Error{Code: alerting.CodeConflict, Message: fmt.Sprintf(
				"channel %s is off; set enabled = true in its table and reload", name)}
		}
	}
	return nil, &alerting.Error{Code: alerting.CodeNotFound, Message: fmt.Sprintf("there is no channel named %q", name)}
}

// testMessage is a notice about no incident.
func testMessage(id delivery.ID, now time.Time) channel.Notification {
	now = now.UTC().Truncate(time.Microsecond)
	message := "This is a test of the channel. Nothing has happened, and nothing needs to be done."
	return channel.Render(id.String(), incident.Notice{
		Number: 1, Reason: incident.Test, At: now, Why: "somebody tests the channel",
		Incident: incident.Incident{
			ID: incident.NewID(), Status: incident.Triggered, Severity: alerting.SeverityInfo, Category: alerting.CategorySystemHealth,
			Source: delivery.OwnSource, Message: message, Pattern: message, Grouping: incident.ByMessage,
			FirstSeen: now, LastSeen: now, Notices: 1, ToldAt: now,
		},
	}, "")
}

// Channels returns how each channel does, by name.
func (e *Engine) Channels(ctx context.Context) ([]delivery.ChannelStatus, error) {
	s := e.current.Load()
	records, err := e.store.ChannelRecords(ctx)
	if err != nil {
		return nil, err
	}
	queues, now, err := e.store.Queues(ctx)
	if err != nil {
		return nil, err
	}
	statuses := make([]delivery.ChannelStatus, 0, len(s.policies))
	for _, p := range s.policies {
		q := queues[p.Name]
		status := delivery.ChannelStatus{
			Name: p.Name, Kind: p.Kind, Enabled: p.Enabled, Health: delivery.Disabled, Record: records[p.Name],
			Breaker: delivery.BreakerClosed, Waiting: q.Waiting, OldestWaiting: q.Oldest,
		}
		if o := s.outlets[p.Name]; o != nil {
			status.Breaker = o.breakerState()
			if s.settings.Enabled {
				status.Health = delivery.HealthOf(status.Record, status.Breaker, now)
			}
		}
		statuses = append(statuses, status)
	}
	return statuses, nil
}
