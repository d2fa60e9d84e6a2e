package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/routing"
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
	if err != nil {
		return false, err
	}
	if part.Through == e.cursor {
		return e.tallySome(ctx)
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

// tallySome counts events by their time that were folded without that, by an older alertd, and
// reports whether there may be more.
func (e *Engine) tallySome(ctx context.Context) (more bool, err error) {
	if e.tallied {
		return false, nil
	}
	err = e.inTurn(ctx, func(ctx context.Context, t *turn) (err error) {
		more, err = t.tx.Tally(ctx, store.Unfolded{After: e.cursor, Through: e.cursor})
		return err
	})
	e.tallied = err == nil && !more
	return more, err
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
		alone := store.Unfolded{After: part.After, Through: event.Seq(), All: part.All, Events: []*alerting.Event{event}}
		if e.foldPart(ctx, alone, skipped...) != nil {
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
	through, more := part.Through, false
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
		if more, err = t.tx.Tally(ctx, part); err != nil {
			return err
		}
		return t.tx.Advance(ctx, part.Through)
	})
	if err == nil {
		e.cursor, e.tallied = through, e.tallied && !more
	}
	return err
}

// keys returns what events are folded by.
func (s *state) keys(events []*alerting.Event) []incident.Key {
	keys := make([]incident.Key, len(events))
	for i, event := range events {
		keys[i] = s.rules.KeyOf(event)
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

// folding is what a turn folds into.
type folding struct {
	turn *turn
	// open are the open incidents by their fingerprints, and all those that were touched, in
	// their order. One that is resolved is not open any more.
	open    map[incident.Fingerprint]*about
	all     []*about
	before  map[incident.Fingerprint][]time.Time // openings of like incidents that were resolved
	changes []change
}

// fold folds events, oldest first, each with its key.
func (t *turn) fold(ctx context.Context, events []*alerting.Event, keys []incident.Key) error {
	if len(events) == 0 {
		return nil
	}
	if err := t.stand(ctx); err != nil {
		return err
	}
	if err := t.countStorm(ctx, events); err != nil {
		return err
	}
	f, err := t.beginFolding(ctx, distinct(keys))
	if err != nil {
		return err
	}
	for n, event := range events {
		f.add(event, keys[n])
	}
	for _, a := range f.all {
		t.set(a.incident, f.termsOf(a), false)
	}
	t.count("events", int64(len(events)))
	if t.opened > 0 {
		t.count("incidents", int64(t.opened))
	}
	return t.tellAll(ctx, f.changes)
}

func (t *turn) beginFolding(ctx context.Context, prints []incident.Fingerprint) (*folding, error) {
	found, err := t.tx.OpenIncidents(ctx, prints)
	if err != nil {
		return nil, err
	}
	f := &folding{turn: t, open: make(map[incident.Fingerprint]*about, len(prints)), before: map[incident.Fingerprint][]time.Time{}}
	var missing []incident.Fingerprint
	for _, key := range prints {
		i := found[key]
		if i == nil {
			missing = append(missing, key)
			continue
		}
		a := &about{turn: t, incident: i}
		if t.rehearsal != nil {
			if err := t.catchUp(ctx, a); err != nil {
				return nil, err
			}
			if !i.Status.Open() {
				missing = append(missing, key)
				continue
			}
		}
		if i.Hold != nil {
			a.held = i.Hold.Holder
		}
		f.open[key] = a
	}
	if flapping := t.state.rules.Flapping(); flapping.Count > 0 {
		resolved, err := t.tx.ResolvedSince(ctx, missing, t.tx.Now().Add(-flapping.Within))
		if err != nil {
			return nil, err
		}
		for key, i := range resolved {
			f.before[key] = i.Openings
		}
	}
	return f, nil
}

// add folds an event.
func (f *folding) add(event *alerting.Event, key incident.Key) {
	t, a := f.turn, f.open[key.Fingerprint]
	if a == nil && event.Resolves() { // there is nothing to resolve
		return
	}
	var c incident.Change
	now := t.tx.Now()
	switch {
	case a == nil:
		a = &about{turn: t, last: event}
		terms := t.state.rules.Terms(routing.SubjectOf(event), now)
		terms.Hold, terms.Before = a.hold, f.before[key.Fingerprint]
		var opened incident.Incident
		opened, c = incident.Open(incident.NewID(), t.tx.NextIncident(), key, event, terms, now)
		a.incident = &opened
		f.open[key.Fingerprint] = a
		t.opened++
	case event.Resolves():
		a.last = event
		c = a.incident.ResolveBy(event, a.terms(), now)
	default:
		a.last = event
		c = a.incident.Add(event, f.termsOf(a), now)
	}
	if !a.touched {
		a.touched = true
		f.all = append(f.all, a)
	}
	t.changes.Folded = append(t.changes.Folded, work.Membership{Event: event.Seq(), Incident: a.incident.Number})
	if f.took(a, c); event.Resolves() {
		return
	}
	for _, p := range t.state.rules.Promote(a.incident, event, now) {
		f.took(a, a.incident.Promote(p.To, p.Why, event, a.terms(), now))
	}
}

// termsOf returns the terms of an open incident. They are worked out once for all of its
// events that a turn folds: it goes by the same route, unless its severity rises.
func (f *folding) termsOf(a *about) incident.Terms {
	if !a.knows || a.judged != a.incident.Severity {
		a.known, a.knows, a.judged = a.terms(), true, a.incident.Severity
	}
	return a.known
}

// took notes what an event has changed.
func (f *folding) took(a *about, c incident.Change) {
	t := f.turn
	if len(c.Entries) == 0 && c.Notice == nil && !c.HeldBack {
		return
	}
	f.changes = append(f.changes, a.noted(c))
	if a.incident.Status.Open() {
		t.inhibit(a.incident, a.subject())
		return
	}
	delete(f.open, a.incident.Fingerprint)
	f.before[a.incident.Fingerprint] = a.incident.Openings
	t.stopInhibiting(a.incident.Number)
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
