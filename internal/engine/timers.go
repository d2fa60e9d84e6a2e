package engine

import (
	"context"
	"fmt"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store/work"
)

const (
	// timerBatch is how many timers one transaction handles at most.
	timerBatch = 100
	// overdueAfter is how long a timer may have run out without alertd being unready.
	overdueAfter = 30 * time.Second
	// postponeBy is how much later a timer is tried again that cannot be handled.
	postponeBy = time.Minute
)

// timerLoop does what waited for a time that has come: reminders, the next attempt or the
// end of a delivery, the end of a claim, an event that could not be folded.
func (e *Engine) timerLoop(ctx context.Context) {
	for {
		next, err := e.runTimers(ctx)
		if ctx.Err() != nil {
			return
		}
		e.timing.set(err)
		if err == nil {
			e.onTime.Store(time.Now().UnixNano())
		}
		if !e.timers.wait(ctx, min(pollEvery, max(time.Millisecond, next))) {
			return
		}
	}
}

// runTimers handles all timers that have run out, and returns how long it is until the
// next one does.
func (e *Engine) runTimers(ctx context.Context) (next time.Duration, err error) {
	for ctx.Err() == nil {
		enabled := e.current.Load().settings.Enabled // else what waits is kept
		in, found, err := e.work.NextTimer(ctx, enabled)
		switch {
		case err != nil:
			return pollEvery, err
		case !found:
			return pollEvery, e.timersStuck()
		case in > 0:
			return in, e.timersStuck()
		}
		var due work.Due
		err = e.inTurn(ctx, func(ctx context.Context, t *turn) (err error) {
			if due, err = t.tx.Due(ctx, enabled, e.timerBatch); err != nil {
				return err
			}
			if len(due.Events) > 0 { // each in a turn of its own
				due = work.Due{Events: due.Events[:1]}
				return t.foldLater(ctx, due.Events[0])
			}
			if len(due.States) > 0 { // a digest tells what is saved, and what is told later has to know of it
				due.Reminders = nil
			}
			return t.runTimers(ctx, due)
		})
		if err == nil {
			e.timerBatch = min(timerBatch, 2*e.timerBatch)
			clear(e.postponed)
			continue
		}
		switch {
		case due.Len() == 0: // the database does not even say which
			return pollEvery, fmt.Errorf("handle timers: %w", err)
		case due.Len() > 1: // it may have taken too long, or one of them cannot be handled
			e.timerBatch = max(1, min(due.Len(), e.timerBatch)/4)
			continue
		}
		// One that cannot be handled must not hold up the others.
		e.log.Error("timer cannot be handled, postponed", "incidents", due.Reminders, "deliveries", due.Deliveries, "events", due.Events, "states", len(due.States), "error", withCause(err))
		if len(due.Events) == 0 { // of events it is told by an alert
			e.postponed[fmt.Sprint(due)] = err
		}
		if err := e.work.InTurn(ctx, func(ctx context.Context, tx *work.Tx) error { return tx.Postpone(ctx, due, postponeBy) }); err != nil {
			return pollEvery, fmt.Errorf("postpone a timer: %w", err)
		}
		if err := e.timersStuck(); err != nil {
			return pollEvery, err
		}
	}
	return pollEvery, nil
}

// timersStuck returns an error if several timers were postponed since one was handled: it
// is not the timers then.
func (e *Engine) timersStuck() error {
	if len(e.postponed) > 1 {
		for _, err := range e.postponed {
			return fmt.Errorf("handle timers: %w", err)
		}
	}
	return nil
}

func (t *turn) runTimers(ctx context.Context, due work.Due) error {
	of, err := t.tx.IncidentsOf(ctx, due.Deliveries)
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
	if err := t.look(ctx, due.Reminders); err != nil {
		return err
	}
	for _, s := range due.States {
		if err := t.stateDue(ctx, s); err != nil {
			return err
		}
	}
	var gone work.Due
	for _, number := range due.Deliveries {
		story := t.stories[of[number]]
		var d *delivery.Delivery
		if story != nil {
			d = story.Find(number)
		}
		if d == nil || !d.Open() {
			gone.Deliveries = append(gone.Deliveries, number)
			continue
		}
		t.wakeUp(story, d)
	}
	return t.tx.Forget(ctx, gone)
}

// wakeUp does what is due for a delivery.
func (t *turn) wakeUp(story *delivery.Story, d *delivery.Delivery) {
	outlook := delivery.Broken
	if o := t.state.outlets[d.Channel]; o != nil && o.works() {
		outlook = delivery.Working
	} else if t.state.policy(d.Channel) == nil {
		outlook = delivery.Unknown
	}
	if why := story.Wake(d, outlook, t.tx.Now()); why != "" {
		t.giveUp(story, d, why, t.state.fallback(d.Channel))
	}
}

// look does what is due for incidents by itself: see [incident.Incident.Look].
func (t *turn) look(ctx context.Context, numbers []incident.Number) error {
	if len(numbers) == 0 {
		return nil
	}
	if err := t.stand(ctx); err != nil {
		return err
	}
	if err := t.listen(ctx); err != nil {
		return err
	}
	incidents, err := t.tx.Incidents(ctx, numbers)
	if err != nil {
		return err
	}
	readable := make(map[incident.Number]bool, len(incidents))
	var changes []change
	for n := range incidents {
		a, err := t.aboutOf(ctx, &incidents[n])
		if err != nil {
			return err
		}
		readable[a.incident.Number] = true
		terms := a.terms()
		c := a.noted(a.incident.Look(a.last, terms, t.tx.Now()))
		t.set(a.incident, terms, true)
		if changes = append(changes, c); !a.incident.Status.Open() {
			t.stopInhibiting(a.incident.Number)
		}
	}
	var gone work.Due
	for _, number := range numbers {
		if !readable[number] {
			gone.Reminders = append(gone.Reminders, number)
		}
	}
	if err := t.tellAll(ctx, changes); err != nil {
		return err
	}
	return t.tx.Forget(ctx, gone)
}

// aboutOf loads what is needed to tell something of an incident.
func (t *turn) aboutOf(ctx context.Context, i *incident.Incident) (*about, error) {
	last, err := t.tx.Event(ctx, i.LastEvent)
	if err != nil {
		return nil, err
	}
	return t.aboutWith(i, last), nil
}

// aboutWith is aboutOf for an incident whose latest event is loaded; nil: it is not kept.
func (t *turn) aboutWith(i *incident.Incident, last *alerting.Event) *about {
	a := &about{turn: t, incident: i, last: last}
	if i.Hold != nil {
		a.held = i.Hold.Holder
	}
	return a
}

// stateDue does what is due for a state by itself.
func (t *turn) stateDue(ctx context.Context, s work.State) error {
	switch s.Kind {
	case digestState:
		return t.digestDue(ctx, s)
	case stormState:
		return t.countStorm(ctx, nil)
	case raiseState:
		return t.raiseDue(ctx, s)
	case heartbeatState:
		return t.hear(ctx, false)
	case silenceState: // it was kept for a while after its end
		t.changes.States = append(t.changes.States, work.State{StateKey: s.StateKey, Standing: true})
		return nil
	}
	return t.tx.Forget(ctx, work.Due{States: []work.State{s}}) // a newer alertd's
}
