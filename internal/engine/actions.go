package engine

import (
	"context"
	"fmt"
	"time"

	"alertd/internal/access"
	"alertd/internal/alerting"
	"alertd/internal/audit"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store/work"
)

// Acknowledge notes that a person works on an incident, and tells the channels. The error is an
// [*alerting.Error]: [alerting.CodeNotFound], or [alerting.CodeConflict] if it is
// resolved.
func (e *Engine) Acknowledge(ctx context.Context, id incident.ID, a incident.Action) (incident.Incident, error) {
	return theOne(e.AcknowledgeAll(ctx, []incident.ID{id}, a))
}

// AcknowledgeAll is [Engine.Acknowledge] for some incidents, in one transaction. The error is
// that nothing was done; those of single incidents are in the results, which are in the order of
// the ids.
func (e *Engine) AcknowledgeAll(ctx context.Context, ids []incident.ID, a incident.Action) ([]incident.Result, error) {
	return e.act(ctx, audit.Acknowledge, ids, a, func(i *incident.Incident, last *alerting.Event, now time.Time) (incident.Change, error) {
		return i.Acknowledge(a, last, now)
	})
}

// Resolve ends an incident, and tells the channels. The error is an [*alerting.Error] with
// [alerting.CodeNotFound] if there is none.
func (e *Engine) Resolve(ctx context.Context, id incident.ID, a incident.Action) (incident.Incident, error) {
	return theOne(e.ResolveAll(ctx, []incident.ID{id}, a))
}

// ResolveAll is [Engine.Resolve] for some incidents, as [Engine.AcknowledgeAll] is for several.
func (e *Engine) ResolveAll(ctx context.Context, ids []incident.ID, a incident.Action) ([]incident.Result, error) {
	return e.act(ctx, audit.Resolve, ids, a, func(i *incident.Incident, last *alerting.Event, now time.Time) (incident.Change, error) {
		return i.Resolve(a, last, now), nil
	})
}

// theOne returns the only result.
func theOne(results []incident.Result, err error) (incident.Incident, error) {
	if err != nil {
		return incident.Incident{}, err
	}
	return results[0].Incident, results[0].Err
}

// act does something to incidents, each with a record of it in the audit log if that changes
// anything.
func (e *Engine) act(ctx context.Context, does audit.Action, ids []incident.ID, who incident.Action,
	f func(i *incident.Incident, last *alerting.Event, now time.Time) (incident.Change, error),
) (results []incident.Result, err error) {
	err = e.inTurn(ctx, func(ctx context.Context, t *turn) error {
		results = make([]incident.Result, len(ids))
		found, failed, err := t.tx.IncidentsByID(ctx, ids)
		if err != nil {
			return err
		}
		if err := t.stand(ctx); err != nil {
			return err
		}
		seqs := make([]alerting.Seq, 0, len(found))
		for _, i := range found {
			seqs = append(seqs, i.LastEvent)
		}
		last, err := t.tx.Events(ctx, seqs)
		if err != nil {
			return err
		}
		var changes []change
		for n, id := range ids {
			r := &results[n]
			if r.ID, r.Err = id, failed[id]; r.Err != nil {
				continue
			}
			r.Incident = found[id]
			before := standingOf(r.Incident)
			a := t.aboutWith(&r.Incident, last[r.Incident.LastEvent])
			made, err := f(a.incident, a.last, t.tx.Now())
			if r.Err = err; err != nil || made.Notice == nil {
				continue
			}
			r.Changed = true
			changes = append(changes, a.noted(made))
			over := !a.incident.Status.Open()
			if t.set(a.incident, a.terms(), over); over { // else it may be about to be let go
				t.stopInhibiting(a.incident.Number)
			}
			found[id] = *a.incident // it may be named again
			t.audit(audit.By(ctx, does, id.String()).Claiming(who.By).Changing(before, standingOf(*a.incident)))
		}
		return t.tellAll(ctx, changes)
	})
	return results, err
}

// standing is what the audit log shows of an incident before and after an action.
type standing struct {
	Status incident.Status `json:"status"`
	By     string          `json:"by,omitzero"`
}

func standingOf(i incident.Incident) standing {
	switch i.Status {
	case incident.Acknowledged:
		return standing{i.Status, i.AcknowledgedBy}
	case incident.Resolved:
		return standing{i.Status, i.ResolvedBy}
	case incident.Triggered:
	}
	return standing{Status: i.Status}
}

// RetryDelivery sends a failed delivery again. If its incident was resolved since, the
// target is told that, too. The error is an [*alerting.Error]: [alerting.CodeNotFound], or
// [alerting.CodeConflict] if the delivery has not failed, if its target was told of a later
// notice since, or if the channel is off.
func (e *Engine) RetryDelivery(ctx context.Context, id delivery.ID) (retried delivery.Delivery, err error) {
	err = e.inTurn(ctx, func(ctx context.Context, t *turn) error {
		failed, err := t.tx.Delivery(ctx, id)
		if err != nil {
			return err
		}
		about := failed.Incident
		if err := t.load(ctx, []incident.Number{about}); err != nil {
			return err
		}
		story := t.stories[about]
		d := story.Find(failed.Number)
		if d == nil { // a digest: of those only the open ones are loaded
			story.Load(failed)
			d = story.Find(failed.Number)
		}
		policy := t.state.policy(d.Channel)
		if policy == nil || !policy.Enabled {
			return &alerting.Error{Code: alerting.CodeConflict, Message: fmt.Sprintf("channel %s is off", d.Channel)}
		}
		resolution, err := t.resolution(ctx, about)
		if err != nil {
			return err
		}
		type attempted struct {
			Status   delivery.Status `json:"status"`
			Attempts int             `json:"attempts"`
		}
		before := attempted{d.Status, d.Attempts}
		changes, err := story.Retry(d, resolution, *policy, t.tx.Mint, t.tx.Now())
		if err != nil {
			return err
		}
		t.note(about, changes...)
		t.audit(audit.By(ctx, audit.RetryDelivery, id.String()).Changing(before, attempted{d.Status, d.Attempts}))
		return nil
	})
	if err != nil {
		return retried, err
	}
	retried, _, err = e.work.Delivery(ctx, id)
	return retried, err
}

// resolution returns the notice that an incident is over, nil if it is not.
func (t *turn) resolution(ctx context.Context, number incident.Number) (*incident.Notice, error) {
	incidents, err := t.tx.Incidents(ctx, []incident.Number{number})
	if err != nil || len(incidents) == 0 || incidents[0].Status != incident.Resolved {
		return nil, err
	}
	i := incidents[0]
	return &incident.Notice{Number: i.Notices, Reason: incident.WasResolved, Incident: i}, nil
}

// TestChannel sends one test message and returns its outcome. It is not retried, and it is
// sent even if the breaker is open. The message is out before its outcome is recorded, in
// one transaction with the record in the audit log: if that fails, only the log tells of the
// test. The error is an
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
	message := testMessage(id, time.Now())
	message.Channel = name
	attempt, result, ended := e.attempt(ctx, o, s.wording.words(message))
	go func() { // a channel may hang in a write until the process ends
		if ended != nil {
			ended()
		}
		e.free(o)
	}()
	// In turn, as others may wait with it to append to the audit log.
	err = e.inTurn(ctx, func(ctx context.Context, t *turn) error {
		t.audit(audit.By(ctx, audit.TestChannel, name).Changing(nil, tested{id, attempt.Outcome.String(), attempt.Code, attempt.Error}))
		t.changes.Outcomes = []work.Outcome{{Channel: name, Result: result}}
		if result.Outcome == channel.Delivered {
			t.changes.Recovered = []string{name}
			t.after = append(t.after, e.timers.ring)
		}
		return nil
	})
	if err != nil {
		e.log.Error("a channel was tested, and that is not in the audit log", "channel", name, "delivery_id", id, "outcome", attempt.Outcome.String(),
			"by", access.FromContext(ctx).Name, "error", withCause(err))
	}
	return delivery.TestResult{Channel: name, Attempt: attempt, Delivery: id}, nil
}

// tested is what the audit log shows of a test.
type tested struct {
	Delivery delivery.ID `json:"delivery_id"`
	Outcome  string      `json:"outcome"`
	Code     int         `json:"code,omitzero"`
	Error    string      `json:"error,omitzero"`
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
			Source: alerting.OwnSource, Message: message, Pattern: message, Grouping: incident.ByMessage,
			FirstSeen: now, LastSeen: now, Notices: 1, ToldAt: now,
		},
	}, "")
}
