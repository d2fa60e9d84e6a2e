package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/store"
	"alertd/internal/store/work"
)

const (
	// foldBatch is how many events one transaction folds at most: enough to be fast, few
	// enough that ingest, which on SQLite waits for it, hardly notices.
	foldBatch = 1024
	// foldSoon is how long a transaction may take for the next one to fold more. Each has
	// to end within the database's timeout, and a database may be far away.
	foldSoon = 250 * time.Millisecond
	// foldPaceFrom is how many events at once show that many come in, so that the fold lets
	// more gather for foldPace: each transaction costs a sync, for which ingest waits on
	// SQLite. Few events, and a full batch, wait for nothing.
	foldPaceFrom = 16
	foldPace     = 5 * time.Millisecond
	// foldTries is how often an event is folded alone before those behind it are tried.
	foldTries = 3
	// foldPastAtMost is how many events are looked at for one that can be folded.
	foldPastAtMost = 10
	// notFoldedMessage is how much of an event's message is told, in bytes, if it cannot be
	// folded.
	notFoldedMessage = 1024
)

// foldLoop folds new events.
func (e *Engine) foldLoop(ctx context.Context) {
	for {
		err := e.catchUp(ctx)
		if ctx.Err() != nil {
			return
		}
		e.folds.set(err)
		if !e.folding.wait(ctx, pollEvery) {
			return
		}
	}
}

// catchUp folds everything that there is to fold.
func (e *Engine) catchUp(ctx context.Context) error {
	if e.cursor == 0 {
		var err error
		if e.cursor, err = e.work.Cursor(ctx); err != nil {
			return err
		}
	}
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = e.foldSome(ctx); err != nil {
			return fmt.Errorf("fold events: %w", err)
		}
		e.folds.set(nil)
	}
	return nil
}

// foldSome folds a batch, and reports whether there may be more.
func (e *Engine) foldSome(ctx context.Context) (more bool, err error) {
	began := time.Now()
	part, err := e.store.Unfolded(ctx, e.cursor, e.batch)
	if err != nil || part.Through == e.cursor {
		return false, err
	}
	if err = e.foldPart(ctx, part); err == nil {
		e.foldFailures = 0
		if n := len(part.Events); n >= foldPaceFrom && n < e.batch {
			pause(ctx, foldPace)
		}
		if time.Since(began) < foldSoon {
			e.batch = min(foldBatch, 2*e.batch)
		}
		return true, nil
	}
	if len(part.Events) == 1 && e.batch == 1 {
		if e.foldFailures++; e.foldFailures >= foldTries {
			return e.foldPast(ctx, err)
		}
	}
	e.batch = max(1, min(e.batch, len(part.Events))/4) // it may have taken too long
	return false, err
}

// foldPast postpones events that cannot be folded, once a later one can be: else it is not
// them. failed is why the first one cannot be.
func (e *Engine) foldPast(ctx context.Context, failed error) (more bool, err error) {
	part, err := e.store.Unfolded(ctx, e.cursor, foldBatch)
	if err != nil {
		return false, err
	}
	for n, event := range part.Events[:min(foldPastAtMost, len(part.Events))] {
		if n == 0 { // it was tried before
			continue
		}
		skipped := part.Events[:n]
		if e.foldPart(ctx, store.Unfolded{Events: []*alerting.Event{event}, Through: event.Seq()}, skipped...) != nil {
			continue
		}
		e.foldFailures = 0
		for _, s := range skipped {
			e.log.Error("event cannot be folded, postponed", "seq", s.Seq(), "error", withCause(failed))
			if err := e.raise(ctx, notFolded(s)); err != nil {
				e.log.Error("alert of alertd's own not raised", "error", withCause(err))
			}
		}
		return true, nil
	}
	return false, failed
}

// notFolded returns the alert that an event cannot be folded. It holds what the event says,
// as nobody else tells of it yet.
func notFolded(event *alerting.Event) alerting.Alert {
	message := strings.ToValidUTF8(event.Message()[:min(len(event.Message()), notFoldedMessage)], "")
	return alerting.Alert{
		Severity: max(alerting.SeverityError, event.Severity()), Category: alerting.CategorySystemHealth, Source: alerting.OwnSource,
		Message: fmt.Sprintf("event %d cannot be folded into an incident, and is tried again every minute: %s from %s: %s",
			event.Seq(), event.Severity(), event.Source(), message),
		DedupKey: "alertd.fold", EventID: ownID(fmt.Sprintf("event %s not folded", event.ID())),
	}
}

// foldPart folds a part of the log and moves the cursor behind it, unless another replica
// was faster. Events that come before it and are skipped are folded later.
func (e *Engine) foldPart(ctx context.Context, part store.Unfolded, skipped ...*alerting.Event) error {
	keys := e.current.Load().keys(part.Events)
	through := part.Through
	err := e.inTurn(ctx, func(ctx context.Context, t *turn) error {
		cursor, err := t.tx.Cursor(ctx)
		if err != nil {
			return err
		}
		through = max(cursor, part.Through)
		if cursor >= part.Through {
			return nil
		}
		fresh := 0
		for fresh < len(part.Events) && part.Events[fresh].Seq() <= cursor {
			fresh++
		}
		if err := t.fold(ctx, part.Events[fresh:], keys[fresh:]); err != nil {
			return err
		}
		var later work.Due
		for _, event := range skipped {
			if event.Seq() > cursor {
				later.Events = append(later.Events, event.Seq())
			}
		}
		if err := t.tx.Postpone(ctx, later, postponeBy); err != nil {
			return err
		}
		return t.tx.Advance(ctx, part.Through)
	})
	if err == nil {
		e.cursor = through
	}
	return err
}

// keys returns what events are folded by.
func (s *state) keys(events []*alerting.Event) []incident.Key {
	by := incident.GroupBy{IdentifyBy: s.settings.IdentifyBy}
	keys := make([]incident.Key, len(events))
	for i, event := range events {
		keys[i] = incident.KeyOf(event, by)
	}
	return keys
}

// foldLater folds an event that could not be folded in its turn.
func (t *turn) foldLater(ctx context.Context, seq alerting.Seq) error {
	event, err := t.tx.Event(ctx, seq)
	if err != nil {
		return err
	}
	if event != nil { // else it is not kept any more
		events := []*alerting.Event{event}
		if err := t.fold(ctx, events, t.state.keys(events)); err != nil {
			return err
		}
	}
	return t.tx.Forget(ctx, work.Due{Events: []alerting.Seq{seq}})
}

// fold folds events, oldest first, each with its key.
func (t *turn) fold(ctx context.Context, events []*alerting.Event, keys []incident.Key) error {
	if len(events) == 0 {
		return nil
	}
	now, repeat := t.tx.Now(), t.state.settings.RepeatInterval
	incidents, err := t.tx.OpenIncidents(ctx, distinct(keys))
	if err != nil {
		return err
	}
	var order []*incident.Incident
	before := make(map[*incident.Incident]time.Time, len(incidents)) // when each was to be looked at again
	var changes []changeOf
	t.changes.Folded = make([]work.Membership, len(events))
	for n, event := range events {
		var change incident.Change
		i := incidents[keys[n].Fingerprint]
		if i == nil {
			opened, first := incident.Open(incident.NewID(), t.tx.NextIncident(), keys[n], event, now)
			i, change = &opened, first
			incidents[keys[n].Fingerprint] = i
			order, before[i] = append(order, i), time.Time{}
			t.opened++
		} else {
			if _, seen := before[i]; !seen {
				order, before[i] = append(order, i), i.UpdateDue
			}
			change = i.Add(event, repeat, now)
		}
		if len(change.Entries) > 0 || change.Notice != nil {
			changes = append(changes, changeOf{i, change})
		}
		t.changes.Folded[n] = work.Membership{Event: event.Seq(), Incident: i.Number}
	}
	for _, i := range order {
		t.set(*i, !i.UpdateDue.Equal(before[i]))
	}
	if err := t.load(ctx, known(changes)); err != nil {
		return err
	}
	for _, c := range changes {
		t.tell(c.incident.Number, c.change)
	}
	return nil
}

// changeOf is what has happened to an incident.
type changeOf struct {
	incident *incident.Incident
	change   incident.Change
}

// known returns the incidents that people may have been told of before.
func known(changes []changeOf) []incident.Number {
	seen := map[incident.Number]bool{}
	var numbers []incident.Number
	for _, c := range changes {
		i := c.incident
		if n := c.change.Notice; n != nil && !seen[i.Number] {
			seen[i.Number] = true
			if n.Number > 1 { // else it was opened just now
				numbers = append(numbers, i.Number)
			}
		}
	}
	return numbers
}

// distinct returns each fingerprint once.
func distinct(keys []incident.Key) []incident.Fingerprint {
	seen := make(map[incident.Fingerprint]bool, len(keys))
	var prints []incident.Fingerprint
	for _, key := range keys {
		if !seen[key.Fingerprint] {
			seen[key.Fingerprint] = true
			prints = append(prints, key.Fingerprint)
		}
	}
	return prints
}
