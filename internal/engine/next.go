package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
	"alertd/internal/store/work"
)

// maxLooks is how often an incident is looked at ahead of its time at most.
const maxLooks = 20

// Next returns what will happen to an incident by itself, the soonest first. It rehearses
// what the engine does at those times. The error is an [*alerting.Error] with
// [alerting.CodeNotFound] if there is no such incident.
func (e *Engine) Next(ctx context.Context, id incident.ID) (next []routing.Next, err error) {
	err = e.rehearse(ctx, time.Time{}, func(ctx context.Context, t *turn) error {
		i, err := t.tx.Incident(ctx, id)
		if err != nil {
			return err
		}
		if err := t.load(ctx, []incident.Number{i.Number, incident.Digests}); err != nil {
			return err
		}
		if err := t.loadDigested(ctx, []incident.Number{i.Number}); err != nil {
			return err
		}
		if t.state.settings.Enabled { // else what waits is kept
			next = t.nextDeliveries(&i)
			digests, err := t.nextDigests(ctx, i.Number)
			if err != nil {
				return err
			}
			next = append(next, digests...)
		}
		looks, err := t.nextLooks(ctx, &i) // last: time goes on
		next = append(next, looks...)
		return err
	})
	slices.SortStableFunc(next, func(a, b routing.Next) int { return a.At.Compare(b.At) })
	return next, err
}

// nextLooks returns what comes of it when the engine looks at an incident. It lets the
// rehearsal's time go on.
func (t *turn) nextLooks(ctx context.Context, i *incident.Incident) (next []routing.Next, err error) {
	if !i.Status.Open() {
		return nil, nil
	}
	if err := t.stand(ctx); err != nil {
		return nil, err
	}
	if err := t.listen(ctx); err != nil {
		return nil, err
	}
	a, err := t.aboutOf(ctx, i)
	if err != nil {
		return nil, err
	}
	at, err := t.tx.LookAt(ctx, i.Number)
	told := t.heard(t.stories[i.Number])
	for n := 0; n < maxLooks && err == nil && !at.IsZero(); n++ {
		t.tx.Pretend(later(at, t.tx.Now()))
		now, before, terms := t.tx.Now(), *i, a.terms()
		if one, happens := t.nextOf(&before, a, i.Look(a.last, terms, now), &told); happens {
			next = append(next, one)
		}
		if at = i.NextLook(terms); !at.After(now) {
			break
		}
	}
	return next, err
}

// nextOf says what a change of an incident is, if anybody sees it. told is what targets have
// heard by then, to which it adds.
func (t *turn) nextOf(before *incident.Incident, a *about, c incident.Change, told *routing.Told) (next routing.Next, happens bool) {
	next.At = t.tx.Now()
	var why []string
	for _, entry := range c.Entries {
		why = append(why, entry.Reason)
		if entry.Kind == incident.EntryHeldBack {
			next.Kind = routing.NextHeldBack
		}
	}
	switch {
	case before.Flapping != nil && a.incident.Flapping == nil:
		next.Kind = routing.NextSettle
	case c.Notice == nil:
	case c.Notice.Reason == incident.WasResolved:
		next.Kind = routing.NextResolve
	case before.News.Reason != "":
		next.Kind = routing.NextNotify
		why = append(why, endOf(before.Hold)+": "+before.News.Reason.String())
	default:
		next.Kind = routing.NextUpdate
	}
	if c.Notice != nil {
		path := t.state.rules.PathOf(routing.SubjectAbout(&c.Notice.Incident, a.last), t.tx.Now())
		d := t.state.rules.Decide(*c.Notice, path, *told, &routing.Throttle{Now: t.tx.Now()})
		*told = afterwards(*told, d)
		why = append(why, d.String())
	}
	next.Reason = strings.Join(why, "; ")
	return next, next.Kind != ""
}

// endOf says that what has held back an incident does not any more.
func endOf(hold *incident.Hold) string {
	if hold == nil {
		return "nothing holds it back any more"
	}
	switch kind := routing.KindOf(hold.Holder); kind {
	case routing.HeldByGroupWait:
		return "the wait of its route ends"
	case routing.HeldBySilence:
		return "the silence ends"
	case routing.HeldByWindow:
		return hold.Holder + " ends"
	}
	return hold.Holder + " holds it back no more"
}

// afterwards is what targets have heard once a decision is carried out.
func afterwards(told routing.Told, d routing.Decision) routing.Told {
	return func(channel, target string) routing.Heard {
		heard := told(channel, target)
		for _, to := range d.Targets {
			switch {
			case to.Channel != channel || to.Target != target:
			case to.Verdict == routing.Send:
				heard = routing.HeardItself
			case to.Verdict == routing.InDigest:
				heard = max(heard, routing.HeardInDigest)
			}
		}
		return heard
	}
}

// nextDeliveries returns what becomes of the messages about an incident that wait or are being
// sent, also of digests that tell of it.
func (t *turn) nextDeliveries(i *incident.Incident) (next []routing.Next) {
	about := func(d *delivery.Delivery) bool {
		return d.Incident == i.Number || slices.ContainsFunc(d.Others, func(other incident.Ref) bool { return other.Number == i.Number })
	}
	for _, number := range []incident.Number{i.Number, incident.Digests} {
		for _, open := range t.stories[number].Open() {
			for n, d := range open {
				if about(d) && !d.Void(i.Generation) { // else it is taken back in its turn
					next = append(next, t.nextDelivery(d, n == 0)...)
				}
			}
		}
	}
	return next
}

// nextDelivery returns what becomes of a message. first says that none to its target comes
// before it.
func (t *turn) nextDelivery(d *delivery.Delivery, first bool) (next []routing.Next) {
	policy, now := t.state.policy(d.Channel), t.tx.Now()
	if policy == nil { // it is left to a replica that has the channel
		return nil
	}
	if at, _ := t.nextAttemptAt(d); first && d.Status == delivery.Waiting && !at.IsZero() {
		next = append(next, routing.Next{At: at, Kind: routing.NextAttempt, Channel: d.Channel, Reason: nextAttempt(d)})
	}
	why := fmt.Sprintf("%s: given up unless it is delivered by then", d.Reason)
	if fallback := t.state.policy(policy.Fallback); fallback != nil && fallback.Enabled {
		why += "; " + fallback.Name + " is told in its place"
	}
	if t.state.outlets[d.Channel] == nil {
		why += fmt.Sprintf("; channel %s is off", d.Channel)
	}
	return append(next, routing.Next{At: later(d.GiveUpAt, now), Kind: routing.NextGiveUp, Channel: d.Channel, Reason: why})
}

// nextAttemptAt returns when the next attempt at a message that waits may begin, now at the
// earliest; zero: none will. why says what keeps its channel from sending; "": nothing.
func (t *turn) nextAttemptAt(d *delivery.Delivery) (at time.Time, why string) {
	o := t.state.outlets[d.Channel]
	switch {
	case !t.state.settings.Enabled:
		return time.Time{}, "alerting is off"
	case o == nil:
		return time.Time{}, fmt.Sprintf("channel %s is off", d.Channel)
	case d.Attempts > 0 && !d.DueAt.Before(d.GiveUpAt): // the last one was made
		return time.Time{}, ""
	}
	now, clock := t.tx.Now(), time.Now() // the outlet's clock need not be the database's
	until, why := o.pausedUntil(clock)
	return later(later(d.DueAt, now), now.Add(until.Sub(clock))), why
}

func nextAttempt(d *delivery.Delivery) string {
	if d.Attempts == 0 {
		return d.Reason.String() + ": the first attempt"
	}
	return fmt.Sprintf("%s: attempt %d; the last one has failed: %s", d.Reason, d.Attempts+1, cmp.Or(d.Error, "it was lost"))
}

// nextDigests returns the digests that gather an incident.
func (t *turn) nextDigests(ctx context.Context, number incident.Number) (next []routing.Next, err error) {
	holds, err := t.tx.HoldsOf(ctx, number)
	if err != nil {
		return nil, err
	}
	for _, h := range holds {
		name, gathers := strings.CutPrefix(h.Holder, routing.Holder(string(digestState), ""))
		if !h.Held || !gathers {
			continue
		}
		d, err := readState[digest](ctx, t, work.StateKey{Kind: digestState, Name: name})
		if err != nil {
			return nil, err
		}
		if d.Channel != "" { // else it cannot be read
			next = append(next, routing.Next{At: later(d.DueAt, t.tx.Now()), Kind: routing.NextDigest, Channel: d.Channel, Reason: "told in the channel's next digest: " + d.Why})
		}
	}
	return next, nil
}
