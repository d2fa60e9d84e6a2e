package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

// knows returns what a channel knows of an incident.
func (d *daemon) knows(number incident.Number, channel string) routing.Recipient {
	d.t.Helper()
	recipients, err := d.Engine.Recipients(d.t.Context(), d.incident(number).ID)
	require.NoError(d.t, err)
	for _, r := range recipients {
		if r.Channel == channel {
			return r
		}
	}
	require.Fail(d.t, "it is no recipient", "%s in %v", channel, recipients)
	return routing.Recipient{}
}

func TestRecipientsSayWhatEachKnowsAndWhyNotMore(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		good, away, wrong, picky := newReceiver("good"), newReceiver("away"), newReceiver("wrong"), newReceiver("picky")
		away.answers(down)
		wrong.answers(refuses)
		d := p.startWith(t, routing.Settings{Routes: []routing.Route{{Name: "slow", Condition: from("slow"), GroupWait: time.Hour}}}, good, away, wrong)
		d.settings.Channels = append(d.settings.Channels, picky.channel(func(p *delivery.Policy) { p.MinSeverity = alerting.SeverityCritical }))
		d.reconfigure()
		d.sends("feed", failure, "no prices")
		d.untilTold(good, "1 opened")
		require.True(t, p.comes(func() bool {
			return d.knows(1, "wrong").State == routing.RecipientFailed && d.knows(1, "away").Why != ""
		}))
		told := d.knows(1, "good")
		require.Equal(t, routing.RecipientTold, told.State)
		require.Empty(t, told.Why)
		require.False(t, told.ToldAt.IsZero())
		waits := d.knows(1, "away")
		require.Equal(t, routing.RecipientWaits, waits.State)
		require.Equal(t, "answered 503 Service Unavailable", waits.Why)
		require.True(t, waits.ToldAt.IsZero())
		require.Contains(t, d.knows(1, "wrong").Why, "answered 400 Bad Request")
		require.Equal(t, routing.Recipient{
			Channel: "picky", State: routing.RecipientNotAsked, Why: "severity error is below its min_severity critical",
		}, d.knows(1, "picky"))

		// What a route waits for is on its way, and not held back by anybody.
		number := d.incidentOf("slow", "no bars")
		waits = d.knows(number, "good")
		require.Equal(t, routing.RecipientWaits, waits.State)
		require.Contains(t, waits.Why, "route slow waits 1h0m0s")
		require.False(t, waits.Until.IsZero())

		// What is held back after it was told of says when that was.
		d.silence("feed", time.Hour, func(s *routing.Silence) { s.AllowCritical = true })
		d.sends("feed", worst, "no prices")
		require.True(t, p.comes(func() bool { return d.knows(1, "good").State == routing.RecipientHeldBack }))
		held := d.knows(1, "good")
		require.Equal(t, told.ToldAt, held.ToldAt)
		require.Contains(t, held.Why, "silenced by ada")
		require.Equal(t, routing.RecipientHeldBack, d.knows(1, "picky").State, "it would be told now")

		_, err := d.Engine.Recipients(t.Context(), incident.NewID())
		require.ErrorContains(t, err, "there is no incident")
	})
}

func TestRecipientsSayThatTheChannelFailsAndWhenItIsTriedNext(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		bad := newReceiver("bad")
		bad.answers(down)
		d := p.startWith(t, routing.Settings{}, bad)
		breaker := func() delivery.Breaker {
			all, err := d.Engine.Channels(t.Context())
			require.NoError(t, err)
			return all[0].Breaker
		}
		for _, source := range []string{"a", "b", "c", "d", "e"} {
			d.sends(source, failure, "no prices")
		}
		require.True(t, p.comes(func() bool { return breaker() == delivery.BreakerOpen }))
		number := d.incidentOf("new", "no bars")
		_, before, err := d.Work.Queues(t.Context())
		require.NoError(t, err)
		waits, next := d.knows(number, "bad"), d.next(number)
		require.Equal(t, delivery.BreakerOpen, breaker(), "the test is too slow")
		require.Equal(t, routing.RecipientWaits, waits.State)
		require.Equal(t, "no attempt but a trial is made while channel bad fails: answered 503 Service Unavailable", waits.Why)
		require.True(t, waits.Until.After(before), "%s is before %s", waits.Until, before)
		require.Equal(t, routing.NextAttempt, next[0].Kind)
		require.WithinDuration(t, next[0].At, waits.Until, time.Second)

		// The message of a channel that is off has no next attempt.
		d.settings.Channels[0] = bad.channel(func(p *delivery.Policy) { p.Enabled = false })
		d.reconfigure()
		require.Equal(t, routing.Recipient{Channel: "bad", State: routing.RecipientWaits, Why: "channel bad is off"}, d.knows(number, "bad"))
		d.enable(false)
		require.Equal(t, routing.Recipient{Channel: "bad", State: routing.RecipientWaits, Why: "alerting is off"}, d.knows(number, "bad"))
	})
}

func TestRecipientsSayThatTheChannelHasAskedForAPause(t *testing.T) {
	story(t, func(t *testing.T) {
		busy := newReceiver("busy")
		busy.answers(always(result{Outcome: channel.Transient, Code: 429, Error: "answered 429", RetryAfter: 10 * time.Minute}))
		d := start(t, busy.channel())
		d.sends("feed", failure, "no prices")
		wait(time.Second)
		number := d.incidentOf("new", "no bars")
		waits := d.knows(number, "busy")
		require.Equal(t, "channel busy has asked for a pause: answered 429", waits.Why)
		require.Equal(t, d.next(number)[0].At, waits.Until)
		require.WithinDuration(t, time.Now().Add(10*time.Minute), waits.Until, 2*time.Second)
	})
}

func TestRecipientsSayThatTheMessageIsBeingSent(t *testing.T) {
	story(t, func(t *testing.T) {
		slow := newReceiver("slow")
		slow.answers(func(_ ctx, _ note) result {
			time.Sleep(5 * time.Second) //nolint:forbidigo // in a bubble
			return result{Outcome: delivered}
		})
		d := start(t, slow.channel())
		d.sends("feed", failure, "no prices")
		wait(time.Second)
		require.Equal(t, routing.Recipient{Channel: "slow", State: routing.RecipientWaits}, d.knows(1, "slow"))
		d.resolve("ada")
		behind := d.knows(1, "slow")
		require.True(t, behind.Until.IsZero())
		require.Equal(t, "the message before it is being sent", behind.Why)
		wait(20 * time.Second)
		require.Equal(t, routing.RecipientTold, d.knows(1, "slow").State)
	})
}

// incidentOf opens an incident of a source, and returns its number.
func (d *daemon) incidentOf(source, message string) (number incident.Number) {
	d.t.Helper()
	d.sends(source, failure, message)
	require.True(d.t, d.place.comes(func() bool {
		page, err := d.Work.Incidents(d.t.Context(), incident.Query{Sources: []string{source}, Limit: 1})
		require.NoError(d.t, err)
		if len(page.Incidents) > 0 {
			number = page.Incidents[0].Number
		}
		return number > 0
	}))
	return number
}
