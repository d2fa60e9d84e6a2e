package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
	"alertd/internal/store/work"
)

// Recipients returns for each target of each channel what it was told last of an incident,
// waits for, or is not told and why. The error is an [*alerting.Error] with
// [alerting.CodeNotFound] if there is no such incident.
func (e *Engine) Recipients(ctx context.Context, id incident.ID) (recipients []routing.Recipient, err error) {
	err = e.rehearse(ctx, time.Time{}, func(ctx context.Context, t *turn) error {
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
		holds, err := t.tx.HoldsOf(ctx, i.Number)
		if err != nil {
			return err
		}
		story := t.stories[i.Number]
		if i.News.Reason == "" { // what would be decided about its next news
			i.News.Reason = incident.Updated
		}
		for _, target := range t.heldDecision(i, a.last, t.heard(story)).Targets {
			recipients = append(recipients, t.recipient(&i, story, holds, target))
		}
		return nil
	})
	return recipients, err
}

// recipient returns what a target knows, by what would be decided about it now.
func (t *turn) recipient(i *incident.Incident, story *delivery.Story, holds []work.Hold, to routing.Target) routing.Recipient {
	r := routing.Recipient{Channel: to.Channel, Target: to.Target, ToldAt: story.ToldAt(to.Channel, to.Target)}
	last := story.Last(to.Channel, to.Target)
	gathers := digest{Channel: to.Channel, Target: to.Target}.holder()
	held := slices.IndexFunc(holds, func(h work.Hold) bool { return routing.HoldsAsAWhole(h.Holder) })
	switch {
	case last != nil && last.Open():
		r.State = routing.RecipientWaits
		r.Until, r.Why = t.waitsFor(story, last)
	case i.Hold != nil && to.Verdict != routing.NotAsked:
		r.State, r.By, r.Until, r.Why = routing.RecipientHeldBack, i.Hold.Holder, i.Hold.Until, i.Hold.Why
		if to.Verdict == routing.Hold {
			r.State = routing.RecipientWaits
		}
	case slices.ContainsFunc(holds, func(h work.Hold) bool { return h.Held && h.Holder == gathers }):
		r.State, r.By, r.Why = routing.RecipientInDigest, gathers, "it is in the channel's next digest"
	case last != nil && last.Status == delivery.Delivered:
		r.State = routing.RecipientTold
	case last != nil && last.Status == delivery.Failed:
		r.State, r.Why = routing.RecipientFailed, last.Error
	case last != nil:
		r.State, r.Why = routing.RecipientSuperseded, last.Error
	case t.digested[heardOf{i.Number, to.Channel, to.Target}]:
		r.State, r.Why = routing.RecipientTold, "in a digest"
	case to.Verdict == routing.NotAsked:
		r.State, r.Why = routing.RecipientNotAsked, to.Why()
	case !i.Status.Open() && held >= 0:
		r.State, r.By, r.Why = routing.RecipientHeldBack, holds[held].Holder, "the incident was over before people were told of it"
	default: // nothing holds it back, and nothing was told
		r.State, r.Why = routing.RecipientNotAsked, "it was not asked when there was something to tell"
	}
	return r
}

// waitsFor returns when the last message to a target is sent, at the earliest, and why it was
// not yet. The time is that of [Engine.Next]; it is zero if the message is being sent, or if
// no attempt is to come.
func (t *turn) waitsFor(story *delivery.Story, last *delivery.Delivery) (until time.Time, why string) {
	if last.Status == delivery.Sending {
		return time.Time{}, last.Error
	}
	first := story.First(last.Channel, last.Target)
	if first == nil {
		return time.Time{}, "the message before it is being sent"
	}
	until, paused := t.nextAttemptAt(first)
	if until.IsZero() {
		return until, cmp.Or(paused, last.Error, first.Error)
	}
	return until, cmp.Or(last.Error, paused, first.Error)
}
