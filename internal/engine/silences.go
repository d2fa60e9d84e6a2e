package engine

import (
	"context"
	"fmt"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/audit"
	"alertd/internal/incident"
	"alertd/internal/routing"
	"alertd/internal/store/work"
)

const (
	// keepSilence is how long a silence is kept after its end.
	keepSilence = 30 * 24 * time.Hour
	// maxSilences is how many silences may be kept that have not ended.
	maxSilences = 1000
	// shownHeld is how many incidents a silence shows that it holds or has held back.
	shownHeld = 100
	// previewPage is how many open incidents a preview looks at at once.
	previewPage = 500
)

func silenceKey(id string) work.StateKey { return work.StateKey{Kind: silenceState, Name: id} }

// Silence begins to hold back what matches. The error is an [*alerting.Error]: that of
// [routing.NewSilence], or [alerting.CodeConflict] if there are too many.
func (e *Engine) Silence(ctx context.Context, wanted routing.Silence) (s routing.Silence, err error) {
	err = e.inTurn(ctx, func(ctx context.Context, t *turn) error {
		if s, err = routing.NewSilence(wanted, t.tx.Now()); err != nil {
			return err
		}
		others, err := readStates[routing.Silence](ctx, t, silenceState)
		if err != nil {
			return err
		}
		lasting := 0
		for _, other := range others {
			if other.EndsAt.After(t.tx.Now()) {
				lasting++
			}
		}
		if lasting >= maxSilences {
			return &alerting.Error{Code: alerting.CodeConflict, Message: fmt.Sprintf("there are %d silences already; end one that is not needed", lasting)}
		}
		t.saveSilence(s)
		t.audit(audit.By(ctx, audit.AddSilence, s.ID).Claiming(s.By).Changing(nil, s))
		return nil
	})
	return s, err
}

func (t *turn) saveSilence(s routing.Silence) {
	t.changes.States = append(t.changes.States, work.State{StateKey: silenceKey(s.ID), Value: s, Standing: true, DueAt: s.EndsAt.Add(keepSilence)})
}

// ExpireSilence ends a silence. What it held back is told, if nothing else holds it. One
// that has ended stays as it is. The error is an [*alerting.Error] with
// [alerting.CodeNotFound] if there is none.
func (e *Engine) ExpireSilence(ctx context.Context, id, by string) (s routing.Silence, err error) {
	err = e.inTurn(ctx, func(ctx context.Context, t *turn) error {
		states, err := t.tx.States(ctx, silenceKey(id))
		if err != nil {
			return err
		}
		state, found := states[silenceKey(id)]
		if !found {
			return noSuchSilence(id)
		}
		if err := state.Decode(&s); err != nil {
			return &alerting.Error{Code: alerting.CodeInternal, Message: "the silence cannot be read", Cause: err}
		}
		now := t.tx.Now()
		if !s.EndsAt.After(now) {
			return nil
		}
		before := s
		s.EndsAt, s.ExpiredBy = now, by
		if s.StartsAt.After(now) {
			s.StartsAt = now
		}
		t.saveSilence(s)
		t.audit(audit.By(ctx, audit.ExpireSilence, id).Claiming(by).Changing(before, s))
		t.after = append(t.after, e.timers.ring)
		return t.tx.Release(ctx, []string{s.Holder()})
	})
	return s, err
}

func noSuchSilence(id string) error {
	return &alerting.Error{Code: alerting.CodeNotFound, Message: fmt.Sprintf("there is no silence with the id %s", id)}
}

// Silenced is a silence with what it holds or has held back.
type Silenced struct {
	routing.Silence
	// Notices is how many messages it has held back, Incidents are the latest incidents.
	Notices   int
	Incidents []work.HeldBack
	// Active says that it holds back now.
	Active bool
}

// Silences returns all silences that are kept, the latest first.
func (e *Engine) Silences(ctx context.Context) ([]Silenced, error) {
	states, err := e.work.StatesOf(ctx, silenceState)
	if err != nil {
		return nil, err
	}
	now, err := e.work.Now(ctx)
	if err != nil {
		return nil, err
	}
	silences := make([]Silenced, 0, len(states))
	for n := len(states) - 1; n >= 0; n-- { // ids ascend with time
		s, ok := decodeState[routing.Silence](e, states[n])
		if !ok {
			continue
		}
		held, notices, err := e.work.HeldBackBy(ctx, s.Holder(), shownHeld)
		if err != nil {
			return nil, err
		}
		silences = append(silences, Silenced{Silence: s, Notices: notices, Incidents: held, Active: s.Active(now)})
	}
	return silences, nil
}

// PreviewSilence returns the open incidents that a silence would hold back if it held back
// now, the latest first, at most limit, and how many there are in all. The error is that of
// [routing.NewSilence].
func (e *Engine) PreviewSilence(ctx context.Context, wanted routing.Silence, limit int) (held []incident.Incident, all int, err error) {
	err = e.rehearse(ctx, e.work.Transact, time.Time{}, func(ctx context.Context, t *turn) error {
		held, all = nil, 0
		now := t.tx.Now()
		s, err := routing.NewSilence(wanted, now)
		if err != nil {
			return err
		}
		s.StartsAt = now
		inContext := len(s.Match.Context)+len(s.Not.Context) > 0
		alone := routing.NewStanding([]routing.Silence{s}, nil)
		for after, more := incident.Number(0), true; more; {
			incidents, err := t.tx.OpenAfter(ctx, after, previewPage)
			if err != nil {
				return err
			}
			for n := range incidents {
				i := &incidents[n]
				after = i.Number
				a := &about{turn: t, incident: i}
				if inContext {
					if a, err = t.aboutOf(ctx, i); err != nil {
						return err
					}
				}
				if alone.Silences(i, a.subject(), now) {
					held = append(held, *i)
				}
			}
			more = len(incidents) == previewPage
		}
		all = len(held)
		held = held[max(0, all-limit):]
		return nil
	})
	return held, all, err
}
