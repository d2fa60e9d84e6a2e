package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/audit"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
	"alertd/internal/store/work"
)

// turn is one transaction of the engine: what it has loaded, what is to be saved, and
// what is to be done once that is committed. It belongs to one goroutine.
type turn struct {
	engine *Engine
	state  *state
	tx     *work.Tx

	changes work.Changes
	stories map[incident.Number]*delivery.Story
	claim   delivery.ID // of all messages that are sent as soon as it is committed

	// What decisions go by, once it is needed.
	standing   *routing.Standing
	unjudged   []incident.Number
	inhibitors map[incident.Number]bool // those that are to be saved; nil: what stands is not this turn's to change
	throttle   *routing.Throttle
	storm      *routing.StormState
	digested   map[heardOf]bool // what was told in digests
	digests    map[string]digest

	hearing *hearing             // once it is needed
	beats   bool                 // heartbeats were looked after
	owed    map[string]time.Time // when the oldest alert was decided that is to be raised, by its dedup_key
	raising []alerting.Alert     // those that are raised once this is committed

	// rehearsal, if it is not nil, gathers what is decided, and nothing comes of the turn.
	rehearsal *rehearsal

	holds   map[holdKey]*work.Hold
	opened  int
	reasons []incident.Reason
	held    []string            // reasons for which something was held back
	ended   []delivery.Delivery // failed or superseded
	ready   []ready
	after   []func()
}

// ready is a message that is claimed, with the right to send it.
type ready struct {
	claimed claimed
	ticket  *ticket
}

// inTurn runs a transaction that changes incidents or plans deliveries. It saves what f has
// changed, and acts on it once that is committed.
func (e *Engine) inTurn(ctx context.Context, f func(ctx context.Context, t *turn) error) error {
	return e.transact(ctx, e.work.InTurn, f)
}

// transaction runs a function in a transaction of one kind or another.
type transaction func(ctx context.Context, f func(ctx context.Context, tx *work.Tx) error) error

// transact is inTurn for a transaction that run begins.
func (e *Engine) transact(ctx context.Context, run transaction, f func(ctx context.Context, t *turn) error) error {
	t := &turn{engine: e}
	// It is not interrupted: an interrupted COMMIT may have worked, and then nobody would
	// send what was claimed.
	err := run(context.WithoutCancel(ctx), func(ctx context.Context, tx *work.Tx) error {
		t.drop() // an earlier attempt came to nothing
		*t = e.newTurn(tx)
		if err := f(ctx, t); err != nil {
			return err
		}
		return t.save(ctx)
	})
	if err != nil {
		t.drop()
		return err
	}
	t.carryOut()
	return nil
}

func (e *Engine) newTurn(tx *work.Tx) turn {
	return turn{engine: e, state: e.current.Load(), tx: tx, stories: map[incident.Number]*delivery.Story{}, claim: delivery.NewID()}
}

// save writes everything that has changed.
func (t *turn) save(ctx context.Context) error {
	for _, story := range t.stories {
		t.changes.Deliveries = append(t.changes.Deliveries, story.Changed()...)
	}
	t.saveInhibitors()
	t.saveThrottle()
	t.saveDigests()
	t.saveHolds()
	return t.tx.Save(ctx, t.changes)
}

// drop gives back the tickets of messages that are not sent after all.
func (t *turn) drop() {
	for _, r := range t.ready {
		r.ticket.giveBack()
	}
	t.ready = nil
}

// carryOut acts on what the transaction has decided: it sends, counts, and wakes loops.
func (t *turn) carryOut() {
	e := t.engine
	for _, r := range t.ready {
		e.start(r.claimed, r.ticket)
	}
	for _, d := range t.changes.Deliveries {
		if o := t.state.outlets[d.Channel]; d.Ready && o != nil {
			o.leaveForLater()
			o.claimNow()
			e.claiming.ring()
		}
		if d.Status == delivery.Waiting && !d.Ready {
			t.wakeTimers(d.WakeAt(t.tx.Now()))
		}
	}
	for _, reminders := range []map[incident.Number]time.Time{t.changes.Reminders, t.changes.Sooner} {
		for _, due := range reminders {
			t.wakeTimers(due)
		}
	}
	for _, s := range t.changes.States {
		t.wakeTimers(s.DueAt)
	}
	if t.opened > 0 {
		e.meter.Opened(t.opened)
	}
	for _, reason := range t.reasons {
		e.meter.Noticed(reason)
	}
	for _, reason := range t.held {
		e.meter.HeldBack(reason)
	}
	for _, d := range t.ended {
		e.meter.Finished(d.Channel, d.Status)
	}
	for _, f := range t.after {
		f()
	}
}

// wakeTimers wakes the timers' loop for a timer that runs out before it looks again.
func (t *turn) wakeTimers(due time.Time) {
	if !due.IsZero() && due.Sub(t.tx.Now()) < pollEvery {
		t.engine.timers.ring()
	}
}

// load loads the stories of incidents, except those that are known: they may have changed.
func (t *turn) load(ctx context.Context, numbers []incident.Number) error {
	numbers = slices.DeleteFunc(slices.Clone(numbers), func(number incident.Number) bool { return t.stories[number] != nil })
	loaded, err := t.tx.Stories(ctx, numbers)
	if err != nil {
		return err
	}
	maps.Copy(t.stories, loaded)
	return nil
}

// set saves an incident, and when it is looked at next. A time that is later than before
// needs no timer: it is looked at before, and then again. anew says that it is looked at just
// now.
func (t *turn) set(i *incident.Incident, terms incident.Terms, anew bool) {
	if next := i.NextLook(terms); anew || !next.IsZero() && (i.LookAt.IsZero() || next.Before(i.LookAt)) {
		i.LookAt = next
		reminders := &t.changes.Sooner // it may be about to be looked at
		if anew {
			reminders = &t.changes.Reminders
		}
		if *reminders == nil {
			*reminders = make(map[incident.Number]time.Time)
		}
		(*reminders)[i.Number] = next
	}
	t.changes.Incidents = append(t.changes.Incidents, *i)
}

// enter adds to the timeline of an incident.
func (t *turn) enter(number incident.Number, entries ...incident.Entry) {
	if number == incident.Digests { // see note
		return
	}
	for _, entry := range entries {
		t.changes.Entries = append(t.changes.Entries, work.Entry{Incident: number, Entry: entry})
	}
}

// audit adds to the audit log.
func (t *turn) audit(entries ...audit.Entry) { t.changes.Audit = append(t.changes.Audit, entries...) }

// note adds what has happened to deliveries to the timeline.
func (t *turn) note(number incident.Number, changes ...delivery.Change) {
	for _, c := range changes {
		t.enter(number, c.Entry(t.tx.Now()))
		if c.Kind == incident.EntryFailed || c.Kind == incident.EntryPlanned {
			for _, other := range c.Delivery.Others {
				t.enter(other.Number, c.Entry(t.tx.Now()))
			}
		}
		if c.Kind == incident.EntrySuperseded || c.Kind == incident.EntryFailed {
			t.ended = append(t.ended, c.Delivery)
		}
	}
}

// plan plans a delivery, and claims it if it can be sent at once.
func (t *turn) plan(story *delivery.Story, n incident.Notice, p delivery.Policy, target string, others ...incident.Ref) {
	d, superseded := story.Plan(n, p, target, t.tx.Mint, t.tx.Now())
	t.note(story.Incident, superseded...)
	o := t.state.outlets[p.Name]
	if d != nil {
		d.Others = others
	}
	if d == nil || !d.Ready || o == nil || !t.state.settings.Enabled || t.rehearsal != nil {
		return
	}
	if ticket := o.reserve(); ticket != nil {
		story.Claim(d, t.claim, t.tx.Now().Add(o.lease()))
		t.ready = append(t.ready, ready{claimed{Delivery: *d, Notice: n, Thread: story.Thread(d)}, ticket})
	}
}

// giveUp ends a delivery as failed, and plans it on the fallback.
func (t *turn) giveUp(story *delivery.Story, d *delivery.Delivery, why, fallback string) {
	e := t.engine
	t.note(story.Incident, story.GiveUp(d, why, t.state.policy(fallback), t.tx.Mint, t.tx.Now())...)
	failed := *d
	t.after = append(t.after, e.reporting.ring, func() {
		e.log.Error("message given up", "channel", failed.Channel, "target", failed.Target, "incident", failed.Incident,
			"delivery_id", failed.ID, "attempts", failed.Attempts, "error", why)
	})
}

// policy returns the settings of a channel, nil if there is none of that name.
func (s *state) policy(name string) *delivery.Policy {
	for i := range s.policies {
		if s.policies[i].Name == name {
			return &s.policies[i]
		}
	}
	return nil
}

// fallback returns the name of a channel's fallback, "" if it has none.
func (s *state) fallback(name string) string {
	if p := s.policy(name); p != nil {
		return p.Fallback
	}
	return ""
}
