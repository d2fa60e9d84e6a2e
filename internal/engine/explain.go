package engine

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
	"alertd/internal/store/work"
)

// rehearsal is what a turn decides that comes to nothing.
type rehearsal struct {
	decisions []routing.Decision
	notices   []incident.Notice
}

func (r *rehearsal) decided(n incident.Notice, d routing.Decision) {
	r.decisions, r.notices = append(r.decisions, d), append(r.notices, n)
}

// held notes what is held back as a whole, and whom it does not reach.
func (r *rehearsal) held(ctx context.Context, t *turn, c change) error {
	if c.as.Notices > 0 { // else nobody knows of it
		if err := t.load(ctx, []incident.Number{c.number}); err != nil {
			return err
		}
		if err := t.loadDigested(ctx, []incident.Number{c.number}); err != nil {
			return err
		}
	}
	story := t.stories[c.number]
	if story == nil {
		story = delivery.NewStory(c.number)
	}
	r.decisions = append(r.decisions, t.heldDecision(c.as, c.event, t.heard(story)))
	return nil
}

// heldDecision returns what is decided about an incident that is held back.
func (t *turn) heldDecision(i incident.Incident, last *alerting.Event, told routing.Told) routing.Decision {
	path := t.state.rules.PathOf(routing.SubjectAbout(&i, last), t.tx.Now())
	n := incident.Notice{Reason: i.News.Reason, Incident: i}
	return t.state.rules.Decide(n, path, told, &routing.Throttle{Now: t.tx.Now()})
}

// rehearse runs a turn that comes to nothing, as if at a time; a zero time: now. It holds up
// nobody.
func (e *Engine) rehearse(ctx context.Context, at time.Time, f func(ctx context.Context, t *turn) error) error {
	return e.work.Rehearse(ctx, at, func(ctx context.Context, tx *work.Tx) error {
		t := e.newTurn(tx)
		t.rehearsal = &rehearsal{}
		return f(ctx, &t)
	})
}

// Explain returns what an alert would do if it came at a time; the zero time stands for
// now. It runs what an alert runs that comes, and nothing comes of it. The error is an
// [*alerting.Error] with [alerting.CodeInvalid] if the alert is.
func (e *Engine) Explain(ctx context.Context, alert alerting.Alert, at time.Time) (x routing.Explanation, err error) {
	err = e.rehearse(ctx, at, func(ctx context.Context, t *turn) error {
		rules := t.state.rules
		x = routing.Explanation{At: t.tx.Now(), Off: !t.state.settings.Enabled, Routed: rules.Routed(), Resolves: alert.Resolves}
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
		x.Key, x.Route = rules.KeyOf(event), rules.RouteOf(event)
		if x.Off {
			return nil
		}
		return t.explain(ctx, &x, event)
	})
	return x, err
}

func (t *turn) explain(ctx context.Context, x *routing.Explanation, event *alerting.Event) error {
	if err := t.fold(ctx, []*alerting.Event{event}, []incident.Key{x.Key}); err != nil {
		return err
	}
	if err := t.loadStorm(ctx); err != nil {
		return err
	}
	x.Storm = t.state.rules.StormOf(*t.storm)
	if len(t.changes.Incidents) > 0 {
		i := t.changes.Incidents[0]
		x.Incident, x.Opens, x.Route = &i, t.opened > 0, cmp.Or(i.Route, x.Route)
		for _, entry := range t.changes.Entries {
			x.Entries = append(x.Entries, entry.Entry)
		}
	}
	x.Decisions = t.rehearsal.decisions
	if len(t.rehearsal.notices) > 0 {
		x.Text = t.engine.textOf(t.rehearsal.notices[0], x.Decisions[0])
	}
	return nil
}

// catchUp has an open incident go through what is due by itself until the time of a
// rehearsal, which may be later than now. Nobody is told of that.
func (t *turn) catchUp(ctx context.Context, a *about) error {
	last, err := t.tx.Event(ctx, a.incident.LastEvent)
	if err != nil {
		return err
	}
	a.last = last
	if err := t.listen(ctx); err != nil {
		return err
	}
	for at := a.incident.LookAt; !at.IsZero() && !at.After(t.tx.Now()); {
		terms := a.terms()
		a.incident.Look(last, terms, at)
		next := a.incident.NextLook(terms)
		if !next.After(at) {
			break
		}
		at = next
	}
	return nil
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
