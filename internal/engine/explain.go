package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

// Explanation says what an alert would do, and why.
type Explanation struct {
	At time.Time
	// Key is what the alert is folded by.
	Key incident.Key
	// Incident is the incident as it would be then, and Opens says that the alert would open
	// it; nil if the alert would resolve something that is not open.
	Incident *incident.Incident
	Opens    bool
	// Route is the route by which it would be told; "": none matches.
	Route string
	// Entries are what its timeline would say.
	Entries []incident.Entry
	// Decisions are what would be decided, in their order: none if the alert would only be
	// counted.
	Decisions []routing.Decision
	// Text is the message that would be sent; "": none would be.
	Text string
}

// rehearsal is what a turn decides that comes to nothing.
type rehearsal struct {
	decisions []routing.Decision
	notices   []incident.Notice
}

func (r *rehearsal) decided(n incident.Notice, d routing.Decision) {
	r.decisions, r.notices = append(r.decisions, d), append(r.notices, n)
}

// held notes what is held back as a whole, and whom it does not reach.
func (r *rehearsal) held(t *turn, c change) {
	r.decisions = append(r.decisions, t.heldDecision(c.as, c.event, func(string, string) routing.Heard { return routing.HeardNothing }))
}

// heldDecision returns what is decided about an incident that is held back.
func (t *turn) heldDecision(i incident.Incident, last *alerting.Event, told routing.Told) routing.Decision {
	path := t.state.rules.PathOf(routing.SubjectAbout(&i, last), t.tx.Now())
	n := incident.Notice{Reason: i.News.Reason, Incident: i}
	return t.state.rules.Decide(n, path, told, &routing.Throttle{Now: t.tx.Now()})
}

// errRehearsed ends a transaction that is to come to nothing.
var errRehearsed = &alerting.Error{Code: alerting.CodeConflict, Message: "this was only a rehearsal"}

// rehearse runs a transaction that comes to nothing, as if at a time; a zero time: now.
func (e *Engine) rehearse(ctx context.Context, run transaction, at time.Time, f func(ctx context.Context, t *turn) error) error {
	err := e.transact(ctx, run, func(ctx context.Context, t *turn) error {
		t.rehearsal = &rehearsal{}
		if !at.IsZero() {
			t.tx.Rehearse(at)
		}
		if err := f(ctx, t); err != nil {
			return err
		}
		return errRehearsed
	})
	if errors.Is(err, errRehearsed) {
		return nil
	}
	return err
}

// Explain returns what an alert would do if it came at a time; the zero time stands for
// now. It runs what an alert runs that comes, in a transaction that comes to nothing.
func (e *Engine) Explain(ctx context.Context, alert alerting.Alert, at time.Time) (x Explanation, err error) {
	err = e.rehearse(ctx, e.work.InTurn, at, func(ctx context.Context, t *turn) error {
		x = Explanation{At: t.tx.Now()}
		alert.ReceivedAt = x.At
		draft, err := alerting.NewDraft(alert, x.At)
		if err != nil {
			return err
		}
		cursor, err := t.tx.Cursor(ctx)
		if err != nil {
			return err
		}
		event := draft.Finish(cursor + 1)
		x.Key = t.state.rules.KeyOf(event)
		if err := t.fold(ctx, []*alerting.Event{event}, []incident.Key{x.Key}); err != nil {
			return err
		}
		if len(t.changes.Incidents) > 0 {
			i := t.changes.Incidents[0]
			x.Incident, x.Opens, x.Route = &i, t.opened > 0, cmp.Or(i.Route, t.state.rules.PathOf(routing.SubjectAbout(&i, event), x.At).Name())
			for _, entry := range t.changes.Entries {
				x.Entries = append(x.Entries, entry.Entry)
			}
		}
		x.Decisions = t.rehearsal.decisions
		if len(t.rehearsal.notices) > 0 {
			x.Text = e.textOf(t.rehearsal.notices[0], x.Decisions[0])
		}
		return nil
	})
	return x, err
}

// maxSubject is the most characters of the first line of a message that is explained.
const maxSubject = 200

// textOf returns a message as the first channel would show it that is sent it.
func (e *Engine) textOf(n incident.Notice, d routing.Decision) string {
	for _, to := range d.Targets {
		if to.Verdict == routing.Send {
			m := e.notification(claimed{Delivery: delivery.Delivery{Channel: to.Channel, Target: to.Target}, Notice: n})
			return fmt.Sprintf("%s\n%s\n%s", m.Subject(maxSubject), m.Headline, m.Body)
		}
	}
	return ""
}

// Told is what a target of a channel knows of an incident, for people.
type Told struct {
	Channel, Target string
	// State is told, waiting, failed, superseded, held_back, digest or not_asked.
	State string
	// By is what holds it back, and Until when that ends, as far as it is known.
	By    string
	Until time.Time
	// Why says so in words. At is when it was told.
	Why string
	At  time.Time
}

// Told returns for each target of each channel what it was told last of an incident, waits
// for, or is not told and why. The error is an [*alerting.Error] with
// [alerting.CodeNotFound] if there is none.
func (e *Engine) Told(ctx context.Context, id incident.ID) (told []Told, err error) {
	err = e.rehearse(ctx, e.work.Transact, time.Time{}, func(ctx context.Context, t *turn) error {
		told = nil
		i, err := t.tx.Incident(ctx, id)
		if err != nil {
			return err
		}
		if err := t.load(ctx, []incident.Number{i.Number}); err != nil {
			return err
		}
		if err := t.loadDigested(ctx, []incident.Number{i.Number}); err != nil {
			return err
		}
		a, err := t.aboutOf(ctx, &i)
		if err != nil {
			return err
		}
		holders, err := t.tx.HoldersOf(ctx, i.Number)
		if err != nil {
			return err
		}
		story := t.stories[i.Number]
		if i.News.Reason == "" { // what would be decided about its next news
			i.News.Reason = incident.Updated
		}
		for _, target := range t.heldDecision(i, a.last, t.heard(story)).Targets {
			told = append(told, t.toldOf(&i, story, holders, target))
		}
		return nil
	})
	return told, err
}

func (t *turn) toldOf(i *incident.Incident, story *delivery.Story, holders []string, to routing.Target) Told {
	told := Told{Channel: to.Channel, Target: to.Target, State: string(to.Verdict), Why: to.Why()}
	last := story.Last(to.Channel, to.Target)
	if last != nil {
		told.At = last.FinishedAt
	}
	gathers := digest{Channel: to.Channel, Target: to.Target}
	switch {
	case last != nil && last.Open():
		told.State, told.Until, told.Why = "waiting", last.DueAt, last.Error
	case i.Hold != nil && to.Verdict != routing.NotAsked:
		told.By, told.Until, told.Why = i.Hold.Holder, i.Hold.Until, i.Hold.Why
	case slices.Contains(holders, gathers.holder()):
		told.State, told.By, told.Why = string(routing.InDigest), gathers.holder(), "it is in the next digest"
	case last != nil:
		told.State, told.Why = last.Status.String(), last.Error
		if last.Status == delivery.Delivered {
			told.State = "told"
		}
	case t.digested[heardOf{i.Number, to.Channel, to.Target}]:
		told.State, told.Why = "told", "in a digest"
	case to.Verdict == routing.Send: // nothing was told, and nothing holds it back
		told.State, told.Why = string(routing.NotAsked), "it was not asked when there was something to tell"
	}
	return told
}
