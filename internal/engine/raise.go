package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"alertd/internal/alerting"
	"alertd/internal/routing"
	"alertd/internal/store/work"
)

// raiseState are alerts of alertd's own that are to be raised, by their ids. They are decided
// in a turn and raised after it, so that none is lost in between, and each exists once.
const raiseState work.StateKind = "raise"

// raiseAgain is when an alert is tried again that has to wait for another.
const raiseAgain = time.Second

// owed is an alert that is to be raised. Its JSON is what the store keeps.
type owed struct {
	// At is when it was decided.
	At       time.Time         `json:"at"`
	Severity alerting.Severity `json:"severity"`
	Category alerting.Category `json:"category"`
	Source   string            `json:"source"`
	Message  string            `json:"message"`
	Context  alerting.Context  `json:"context,omitzero"`
	DedupKey string            `json:"dedup_key"`
	Resolves bool              `json:"resolves,omitzero"`
}

// raise has an alert raised once the turn is committed. Its id, if it has none, is a new
// one.
func (t *turn) raise(a alerting.Alert) {
	if a.EventID.IsZero() {
		a.EventID = alerting.NewEventID()
	}
	t.changes.States = append(t.changes.States, work.State{
		StateKey: work.StateKey{Kind: raiseState, Name: a.EventID.String()}, DueAt: t.tx.Now(),
		Value: owed{t.tx.Now(), a.Severity, a.Category, a.Source, a.Message, a.Context, a.DedupKey, a.Resolves},
	})
}

// raiseDue raises an alert after the turn. If that fails it is raised again, with the same id.
// It waits for those with its dedup_key that were decided
// before it: what is over must not be resolved before it has begun.
func (t *turn) raiseDue(ctx context.Context, s work.State) error {
	alert, ok := decodeState[owed](t.engine, s)
	id, err := alerting.ParseEventID(s.Name)
	if !ok || err != nil || !alert.Severity.Valid() || !alert.Category.Valid() {
		t.changes.States = append(t.changes.States, work.State{StateKey: s.StateKey})
		return nil //nolint:nilerr // what cannot be read cannot be raised; it is set aside
	}
	first, err := t.oldestOwed(ctx, alert.DedupKey)
	if err != nil {
		return err
	}
	if first.Before(alert.At) {
		t.changes.States = append(t.changes.States, work.State{StateKey: s.StateKey, Value: alert, DueAt: t.tx.Now().Add(raiseAgain)})
		return nil
	}
	t.changes.States = append(t.changes.States, work.State{StateKey: s.StateKey, Value: alert, DueAt: t.tx.Now().Add(postponeBy)})
	if len(t.raising) == 0 {
		t.after = append(t.after, t.raiseNow)
	}
	t.raising = append(t.raising, alerting.Alert{
		EventID: id, Timestamp: alert.At, Context: alert.Context, Severity: alert.Severity, Category: alert.Category, Source: alert.Source,
		Message: alert.Message, DedupKey: alert.DedupKey, Resolves: alert.Resolves,
	})
	return nil
}

// raiseNow raises alerts, and forgets that they are owed. While the log takes nothing it tries
// one of them, as each would wait.
func (t *turn) raiseNow() {
	e := t.engine
	var done []work.State
	for _, alert := range t.raising {
		err := e.raise(e.sending, alert)
		known, _ := errors.AsType[*alerting.Error](err)
		again := err != nil && (known == nil || known.Code != alerting.CodeInvalid)
		if err != nil {
			e.log.Error("alert of alertd's own not raised", "dedup_key", alert.DedupKey, "tried_again", again, "error", withCause(err))
		}
		if !again {
			done = append(done, work.State{StateKey: work.StateKey{Kind: raiseState, Name: alert.EventID.String()}})
		} else if known == nil || known.Code == alerting.CodeUnavailable {
			break
		}
	}
	err := e.work.Transact(e.sending, func(ctx context.Context, tx *work.Tx) error { return tx.Save(ctx, work.Changes{States: done}) })
	if err != nil {
		e.log.Error("alerts of alertd's own are raised again, which changes nothing", "alerts", len(done), "error", withCause(err))
	}
}

// oldestOwed returns when the oldest of the alerts with this dedup_key was decided that are
// to be raised.
func (t *turn) oldestOwed(ctx context.Context, key string) (time.Time, error) {
	if t.owed == nil {
		all, err := readStates[owed](ctx, t, raiseState)
		if err != nil {
			return time.Time{}, err
		}
		t.owed = make(map[string]time.Time, len(all))
		for _, o := range all {
			if first, found := t.owed[o.DedupKey]; !found || o.At.Before(first) {
				t.owed[o.DedupKey] = o.At
			}
		}
	}
	return t.owed[key], nil
}

// countStorm counts events, and notes if a storm begins or ends.
func (t *turn) countStorm(ctx context.Context, events []*alerting.Event) error {
	storm := t.state.rules.Storm()
	if storm.Threshold <= 0 && len(events) > 0 { // one that was open is ended by its timer
		return nil
	}
	if err := t.loadStorm(ctx); err != nil {
		return err
	}
	s, key := t.storm, work.StateKey{Kind: stormState}
	alert := s.Count(storm, events, t.tx.Now())
	t.changes.States = append(work.Without(t.changes.States, key), work.State{StateKey: key, Value: s, DueAt: s.LookAt(t.tx.Now())})
	if alert == nil {
		return nil
	}
	alert.EventID = alerting.EventID(uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "alertd: storm of %s, open %t", alerting.FormatTime(s.Since), s.Open)))
	t.raise(*alert)
	return nil
}

// loadStorm loads whether there is a storm, unless it is known.
func (t *turn) loadStorm(ctx context.Context) error {
	if t.storm != nil {
		return nil
	}
	s, err := readState[routing.StormState](ctx, t, work.StateKey{Kind: stormState})
	t.storm = &s
	return err
}
