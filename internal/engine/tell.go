package engine

import (
	"context"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/matcher"
	"alertd/internal/routing"
	"alertd/internal/store/work"
)

// about is an incident about which something may be told, with what matchers see of it.
type about struct {
	turn     *turn
	incident *incident.Incident
	last     *alerting.Event // nil: it is not kept any more
	held     string          // what has held it back when it was looked at last

	touched bool           // of a fold: it is among those that were touched
	known   incident.Terms // and these are its terms, if it knows them, judged by its severity
	knows   bool
	judged  alerting.Severity
}

// subject returns what matchers see of the incident.
func (a *about) subject() *matcher.Subject { return routing.SubjectAbout(a.incident, a.last) }

// hold returns what holds back the incident's news, and notes by which route it goes.
func (a *about) hold(i *incident.Incident) *incident.Hold {
	t, of := a.turn, routing.SubjectAbout(i, a.last)
	path := t.state.rules.PathOf(of, t.tx.Now())
	i.Route = path.Name()
	return t.state.rules.Hold(i, of, path, t.standing, t.tx.Now())
}

// terms returns on which terms people are told of the incident.
func (a *about) terms() incident.Terms {
	terms := a.turn.state.rules.Terms(a.subject(), a.turn.tx.Now())
	terms.Hold = a.hold
	if a.turn.hearing != nil { // else the terms set timers only, and one may be early
		terms.HeardSince = a.turn.hearing.Since
	}
	return terms
}

// change is what has happened to an incident.
type change struct {
	incident.Change
	number incident.Number
	// as is the incident as it was then, if its news is held back.
	as    incident.Incident
	event *alerting.Event
}

// noted returns a change, with what is needed later to decide about it. It notes what
// holds the incident back, or does not any more.
func (a *about) noted(c incident.Change) change {
	t, i := a.turn, a.incident
	made := change{Change: c, number: i.Number, event: a.last}
	holder := ""
	if i.Hold != nil {
		holder = i.Hold.Holder
	}
	if holder != a.held {
		t.letGo(a.held, i.Number)
		a.held = holder
	}
	if c.HeldBack {
		made.as = *i
		t.holdBack(holder, i.Number, i.Count-i.ToldCount)
	}
	return made
}

type holdKey struct {
	holder   string
	incident incident.Number
}

// holdBack notes that a notice about some events of an incident is held back.
func (t *turn) holdBack(holder string, number incident.Number, events uint64) {
	t.count("held "+routing.KindOf(holder), 1)
	t.held = append(t.held, routing.KindOf(holder))
	if holder == routing.HeldByGroupWait { // nobody asks for that later
		return
	}
	h := t.heldOf(holder, number)
	h.Notices, h.Events, h.Held = h.Notices+1, h.Events+events, true
}

func (t *turn) letGo(holder string, number incident.Number) {
	if holder != "" && holder != routing.HeldByGroupWait {
		t.heldOf(holder, number).Held = false
	}
}

func (t *turn) heldOf(holder string, number incident.Number) *work.Hold {
	key := holdKey{holder, number}
	if t.holds == nil {
		t.holds = map[holdKey]*work.Hold{}
	}
	if t.holds[key] == nil {
		t.holds[key] = &work.Hold{Holder: holder, Incident: number, Since: t.tx.Now()}
	}
	return t.holds[key]
}

func (t *turn) saveHolds() {
	for _, h := range t.holds {
		t.changes.Holds = append(t.changes.Holds, *h)
	}
}

// count adds to what is counted for good.
func (t *turn) count(what string, n int64) {
	if t.changes.Counts == nil {
		t.changes.Counts = map[string]int64{}
	}
	t.changes.Counts[what] += n
}

// heardOf names what was told in a digest, and where.
type heardOf struct {
	number          incident.Number
	channel, target string
}

// loadThrottle loads what bounds messages, unless it is known.
func (t *turn) loadThrottle(ctx context.Context) error {
	if t.throttle != nil {
		return nil
	}
	rules := t.state.rules
	throttle := &routing.Throttle{Now: t.tx.Now(), Buckets: map[string]*routing.Bucket{}}
	if rules.Limited() {
		states, err := t.tx.StatesOf(ctx, bucketState)
		if err != nil {
			return err
		}
		for _, s := range states {
			if bucket, ok := decodeState[routing.Bucket](t.engine, s); ok {
				throttle.Buckets[s.Name] = &bucket
			}
		}
		throttle.Note()
	}
	if rules.Storm().Threshold > 0 {
		if err := t.loadStorm(ctx); err != nil {
			return err
		}
		throttle.Storming = t.storm.Open
	}
	t.throttle = throttle
	return nil
}

func (t *turn) saveThrottle() {
	if t.throttle == nil {
		return
	}
	for name, bucket := range t.throttle.Changed() {
		t.changes.States = append(t.changes.States, work.State{StateKey: work.StateKey{Kind: bucketState, Name: name}, Value: bucket})
	}
}

// tellAll records changes of incidents, decides about each, and plans its messages.
func (t *turn) tellAll(ctx context.Context, changes []change) error {
	var numbers []incident.Number
	decides := false
	seen := map[incident.Number]bool{}
	for _, c := range changes {
		if c.Notice == nil {
			continue
		}
		decides = true
		if c.Notice.Number > 1 && !seen[c.number] { // else it was opened just now
			seen[c.number] = true
			numbers = append(numbers, c.number)
		}
	}
	if decides {
		if err := t.loadThrottle(ctx); err != nil {
			return err
		}
		if err := t.load(ctx, numbers); err != nil {
			return err
		}
		if err := t.loadDigested(ctx, numbers); err != nil {
			return err
		}
	}
	for _, c := range changes {
		if err := t.tell(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) loadDigested(ctx context.Context, numbers []incident.Number) error {
	if len(numbers) == 0 {
		return nil
	}
	return t.tx.ToldInDigests(ctx, numbers, func(number incident.Number, channel, target string) {
		if t.digested == nil {
			t.digested = map[heardOf]bool{}
		}
		t.digested[heardOf{number, channel, target}] = true
	})
}

// tell records a change of an incident and plans its messages. The incident's story is
// loaded, or the incident is new.
func (t *turn) tell(ctx context.Context, c change) error {
	t.enter(c.number, c.Entries...)
	if c.Notice == nil {
		if c.HeldBack && t.rehearsal != nil {
			return t.rehearsal.held(ctx, t, c)
		}
		return nil
	}
	rules := t.state.rules
	path := rules.PathOf(routing.SubjectAbout(&c.Notice.Incident, c.event), t.tx.Now())
	n := *c.Notice
	n.Route = path.Name()
	t.changes.Notices = append(t.changes.Notices, n)
	t.reasons = append(t.reasons, n.Reason)
	story := t.stories[c.number]
	if story == nil {
		story = delivery.NewStory(c.number)
		t.stories[c.number] = story
	}
	d := rules.Decide(n, path, t.heard(story), t.throttle)
	if t.rehearsal != nil {
		t.rehearsal.decided(n, d)
	}
	t.enter(c.number, incident.Entry{At: t.tx.Now(), Kind: incident.EntryPlanned, Reason: d.String()})
	for _, to := range d.Targets {
		switch policy := t.state.policy(to.Channel); to.Verdict {
		case routing.Send:
			t.plan(story, n, *policy, to.Target)
		case routing.InDigest:
			if err := t.digestLater(ctx, n, to); err != nil {
				return err
			}
		case routing.Hold, routing.HeldBack, routing.NotAsked:
		}
	}
	return nil
}

// heard returns what targets have heard of a story.
func (t *turn) heard(story *delivery.Story) routing.Told {
	return func(channel, target string) routing.Heard {
		switch {
		case story.Told(channel, target):
			return routing.HeardItself
		case t.digested[heardOf{story.Incident, channel, target}]:
			return routing.HeardInDigest
		}
		return routing.HeardNothing
	}
}
