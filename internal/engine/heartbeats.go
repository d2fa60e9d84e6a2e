package engine

import (
	"context"

	"alertd/internal/alerting"
	"alertd/internal/heartbeat"
	"alertd/internal/store/work"
)

const heartbeatState work.StateKind = "heartbeat" // by name

func heartbeatKey(name string) work.StateKey {
	return work.StateKey{Kind: heartbeatState, Name: name}
}

// Heartbeat notes a ping of a component, and returns how it does. The error is an
// [*alerting.Error] with [alerting.CodeNotFound] if there is no heartbeat of that name.
func (e *Engine) Heartbeat(ctx context.Context, name string, ping heartbeat.Ping) (h heartbeat.Heartbeat, err error) {
	err = e.inTurn(ctx, func(ctx context.Context, t *turn) error {
		spec := t.state.heartbeat(name)
		if spec == nil {
			return &alerting.Error{Code: alerting.CodeNotFound, Message: "there is no heartbeat of this name; [[alerting.heartbeats]] lists them"}
		}
		state, err := readState[heartbeat.State](ctx, t, heartbeatKey(name))
		if err != nil {
			return err
		}
		state, alerts := state.Ping(*spec, ping, t.tx.Now())
		t.saveHeartbeat(name, state, alerts)
		h = heartbeat.Heartbeat{Spec: *spec, State: state}
		return nil
	})
	return h, err
}

// Heartbeats returns how each component does that must be heard of, in the order of the
// configuration.
func (e *Engine) Heartbeats(ctx context.Context) ([]heartbeat.Heartbeat, error) {
	specs := e.current.Load().settings.Heartbeats
	if len(specs) == 0 {
		return nil, nil
	}
	states, err := e.work.StatesOf(ctx, heartbeatState)
	if err != nil {
		return nil, err
	}
	now, err := e.work.Now(ctx)
	if err != nil {
		return nil, err
	}
	known := heartbeatStates(e, states)
	all := make([]heartbeat.Heartbeat, len(specs))
	for i, spec := range specs {
		state, _ := known[spec.Name].Check(spec, now)
		all[i] = heartbeat.Heartbeat{Spec: spec, State: state}
	}
	return all, nil
}

// heartbeatStates decodes states, by name. One that cannot be read is as if it were new.
func heartbeatStates(e *Engine, states []work.State) map[string]heartbeat.State {
	known := make(map[string]heartbeat.State, len(states))
	for _, s := range states {
		known[s.Name], _ = decodeState[heartbeat.State](e, s)
	}
	return known
}

// heartbeat returns the settings of a heartbeat, nil if there is none of that name.
func (s *state) heartbeat(name string) *heartbeat.Spec {
	for i := range s.settings.Heartbeats {
		if s.settings.Heartbeats[i].Name == name {
			return &s.settings.Heartbeats[i]
		}
	}
	return nil
}

// hear does what is due for all heartbeats. If forget is set, those are forgotten that this
// alertd does not know. If not, they may be another replica's, which has another
// configuration for a while.
func (t *turn) hear(ctx context.Context, forget bool) error {
	if t.beats {
		return nil
	}
	t.beats = true
	if err := t.listen(ctx); err != nil {
		return err
	}
	states, err := t.tx.StatesOf(ctx, heartbeatState)
	if err != nil {
		return err
	}
	known, now := heartbeatStates(t.engine, states), t.tx.Now()
	for _, spec := range t.state.settings.Heartbeats {
		before := known[spec.Name]
		delete(known, spec.Name)
		after, alerts := before, []alerting.Alert(nil)
		if after.Status != "" && after.From.Before(t.hearing.Since) {
			after = after.Resume(spec, t.hearing.Since)
		}
		if t.state.settings.Enabled || before.Status == "" { // else nobody is accused, as nobody would be told
			after, alerts = after.Check(spec, now)
		}
		if after != before {
			t.saveHeartbeat(spec.Name, after, alerts)
		}
	}
	var others work.Due
	for name, state := range known {
		if forget {
			t.raiseAll(state.Remove(name, now))
			t.changes.States = append(t.changes.States, work.State{StateKey: heartbeatKey(name)})
		} else if !state.DueAt.After(now) {
			others.States = append(others.States, work.State{StateKey: heartbeatKey(name)})
		}
	}
	return t.tx.Postpone(ctx, others, postponeBy)
}

// saveHeartbeat saves what has become of a component, and raises the alerts about it.
func (t *turn) saveHeartbeat(name string, state heartbeat.State, alerts []alerting.Alert) {
	s := work.State{StateKey: heartbeatKey(name), Value: state}
	if state.Status != heartbeat.Missed {
		s.DueAt = state.DueAt
	}
	t.changes.States = append(t.changes.States, s)
	t.raiseAll(alerts)
}

func (t *turn) raiseAll(alerts []alerting.Alert) {
	for _, alert := range alerts {
		t.raise(alert)
	}
}
