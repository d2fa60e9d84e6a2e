package engine

import (
	"context"
	"time"

	"alertd/internal/store/work"
)

const (
	hearingState work.StateKind = "hearing" // one

	// hearingEvery is how often it is noted that alertd can hear.
	hearingEvery = 5 * time.Second
	// awayAfter is how long it may not have been noted without alertd having been away.
	awayAfter = 15 * time.Second
)

// hearing is when alerts and heartbeats could be heard: some alertd was there, and its
// database. The silence of components says nothing of the time in which they could not.
type hearing struct {
	At time.Time `json:"at"` // last
	// Since is when they could be heard again after alertd had been away; zero: it was not.
	Since time.Time `json:"since,omitzero"`
}

// listens reports whether it matters how long nothing was heard.
func (s *state) listens() bool {
	return len(s.settings.Heartbeats) > 0 || s.rules.EndsQuiet() || s.rules.Flapping().Count > 0
}

// hearLoop notes that alertd can hear, begins to wait for new heartbeats, and forgets those
// that are gone from the configuration.
func (e *Engine) hearLoop(ctx context.Context) {
	var done *state // whose heartbeats are the only ones that are remembered
	e.every(ctx, e.hearing, "look after heartbeats", func(ctx context.Context) error {
		s := e.current.Load()
		if s == done && !s.listens() {
			return nil
		}
		err := e.inTurn(ctx, func(ctx context.Context, t *turn) error {
			s = t.state
			return t.hear(ctx, s != done)
		})
		if err == nil {
			done = s
		}
		return err
	})
}

// listen learns since when alertd can hear, and notes that it can. Where alertd is alone it
// was away before it started, however short that was. A turn that waited for another one's end
// may be at an earlier time than what was noted; at a start that is a clock that was set back.
func (t *turn) listen(ctx context.Context) error {
	if t.hearing != nil {
		return nil
	}
	key := work.StateKey{Kind: hearingState}
	last, err := readState[hearing](ctx, t, key)
	if err != nil {
		return err
	}
	t.hearing = &last
	if t.rehearsal != nil { // it may be at another time
		return nil
	}
	e, now := t.engine, t.tx.Now()
	silent, started := now.Sub(last.At), !e.hears.Load()
	t.after = append(t.after, func() { e.hears.Store(true) })
	switch away := !last.At.IsZero() && (silent > awayAfter || started && (silent < 0 || !e.store.Shared())); {
	case !t.state.listens():
		if !last.At.IsZero() {
			t.changes.States = append(t.changes.States, work.State{StateKey: key})
		}
		return nil
	case away:
		last.Since = now
	case silent < hearingEvery:
		return nil
	}
	last.At = now
	t.changes.States = append(t.changes.States, work.State{StateKey: key, Value: last})
	return nil
}
