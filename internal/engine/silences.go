package engine

import (
	"context"
	"fmt"
	"slices"
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
	// shownHeld is how many incidents a silence shows that it holds or has held back, and
	// shownHeldOfMany how many each of a list does.
	shownHeld       = 100
	shownHeldOfMany = 10
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
		if s, err = silenceOf(ctx, t.tx, id); err != nil {
			return err
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
		t.release(s.Holder())
		return nil
	})
	return s, err
}

// Silences returns a part of the silences that are kept, the latest first, with at most
// [shownHeldOfMany] incidents of each.
func (e *Engine) Silences(ctx context.Context, q routing.SilenceQuery) (routing.SilencePage, error) {
	states, err := e.work.StatesOf(ctx, silenceState)
	if err != nil {
		return routing.SilencePage{}, err
	}
	now, err := e.work.Now(ctx)
	if err != nil {
		return routing.SilencePage{}, err
	}
	var found []routing.Silence
	more := false
	for n := len(states) - 1; n >= 0 && !more; n-- { // ids ascend with time
		s, ok := decodeState[routing.Silence](e, states[n])
		if !ok || q.Before > 0 && s.Place() >= q.Before || q.Active != nil && *q.Active != s.Active(now) {
			continue
		}
		if more = len(found) == q.Limit; !more {
			found = append(found, s)
		}
	}
	shown, err := e.silenced(ctx, now, shownHeldOfMany, found...)
	return routing.SilencePage{Silences: shown, More: more}, err
}

// OneSilence returns a silence, with at most [shownHeld] incidents. The error is an
// [*alerting.Error] with [alerting.CodeNotFound] if there is none.
func (e *Engine) OneSilence(ctx context.Context, id string) (routing.Silenced, error) {
	var s routing.Silence
	var now time.Time
	err := e.work.Rehearse(ctx, time.Time{}, func(ctx context.Context, tx *work.Tx) (err error) {
		now = tx.Now()
		s, err = silenceOf(ctx, tx, id)
		return err
	})
	if err != nil {
		return routing.Silenced{}, err
	}
	shown, err := e.silenced(ctx, now, shownHeld, s)
	if err != nil {
		return routing.Silenced{}, err
	}
	return shown[0], nil
}

// silenceOf returns a silence. The error is as that of [Engine.OneSilence].
func silenceOf(ctx context.Context, tx *work.Tx, id string) (s routing.Silence, err error) {
	states, err := tx.States(ctx, silenceKey(id))
	if err != nil {
		return s, err
	}
	state, found := states[silenceKey(id)]
	if !found {
		return s, &alerting.Error{Code: alerting.CodeNotFound, Message: fmt.Sprintf("there is no silence with the id %s", id)}
	}
	if err := state.Decode(&s); err != nil {
		return s, &alerting.Error{Code: alerting.CodeInternal, Message: "the silence cannot be read", Cause: err}
	}
	return s, nil
}

// silenced returns silences with what they hold or have held back.
func (e *Engine) silenced(ctx context.Context, now time.Time, incidents int, silences ...routing.Silence) ([]routing.Silenced, error) {
	holders := make([]string, len(silences))
	for n, s := range silences {
		holders[n] = s.Holder()
	}
	held, err := e.work.HeldBackBy(ctx, holders, incidents)
	if err != nil {
		return nil, err
	}
	shown := make([]routing.Silenced, len(silences))
	for n, s := range silences {
		by := held[s.Holder()]
		shown[n] = routing.Silenced{Silence: s, Status: s.Status(now), Notices: by.Notices, Incidents: by.Incidents}
	}
	return shown, nil
}

// PreviewSilence returns the open incidents that a silence would hold back if it held back
// now, the latest first, at most limit, and how many there are in all. The error is that of
// [routing.NewSilence].
func (e *Engine) PreviewSilence(ctx context.Context, wanted routing.Silence, limit int) (held []incident.Incident, all int, err error) {
	err = e.rehearse(ctx, time.Time{}, func(ctx context.Context, t *turn) error {
		now := t.tx.Now()
		s, err := routing.NewSilence(wanted, now)
		if err != nil {
			return err
		}
		s.StartsAt = now
		alone := routing.NewStanding([]routing.Silence{s}, nil)
		inContext := len(s.Match.Context)+len(s.Not.Context) > 0
		open, err := t.tx.Open(ctx)
		if err != nil {
			return err
		}
		err = t.each(ctx, open, inContext, func(i *incident.Incident, last *alerting.Event) {
			if alone.Silences(i, routing.SubjectAbout(i, last), now) {
				held = append(held, *i)
				held, all = held[max(0, len(held)-limit):], all+1
			}
		})
		slices.Reverse(held)
		return err
	})
	return held, all, err
}
