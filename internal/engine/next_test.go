package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
	"alertd/internal/store/storetest"
)

// next returns what will happen to an incident.
func (d *daemon) next(number incident.Number) []routing.Next {
	d.t.Helper()
	next, err := d.Engine.Next(d.t.Context(), d.incident(number).ID)
	require.NoError(d.t, err)
	return next
}

// kinds returns what will happen to the first incident, as "KIND in DURATION" from a time.
func (d *daemon) kinds(from time.Time) (kinds []string) {
	d.t.Helper()
	for _, one := range d.next(1) {
		kinds = append(kinds, strings.TrimSpace(fmt.Sprintf("%s in %s %s", one.Kind, one.At.Sub(from).Round(time.Minute), one.Channel)))
	}
	return kinds
}

func TestNextIsTheEndOfTheWaitAndThenOfTheQuiet(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r, picky := newReceiver("desk"), newReceiver("picky")
		d := p.startWith(t, routing.Settings{Routes: []routing.Route{{Name: "risk", GroupWait: 10 * time.Minute, ResolveAfter: time.Hour}}}, r)
		d.settings.Channels = append(d.settings.Channels, picky.channel(func(p *delivery.Policy) { p.MinSeverity = worst }))
		d.reconfigure()
		d.sends("feed", failure, "no prices")
		d.untilCounted(1, 1)
		opened := d.incident(1).FirstSeen
		require.Equal(t, []string{"notify in 10m0s", "resolve in 1h0m0s"}, d.kinds(opened))
		next := d.next(1)
		require.Equal(t, "the wait of its route ends: opened; told to desk; not to picky (severity error is below its min_severity critical) (route risk)", next[0].Reason)
		require.Equal(t, "resolved: no event for 1h0m0s; told to desk; not to picky (it was not told of the incident) (route risk)", next[1].Reason)
		p.pass(t, 10*time.Minute)
		d.untilTold(r, "1 opened")
		require.Equal(t, []string{"resolve in 1h0m0s"}, d.kinds(opened))
		p.pass(t, 51*time.Minute)
		d.untilTold(r, "1 opened", "1 resolved")
		require.Empty(t, d.next(1), "it is over")
	})
}

func TestNextIsTheUpdateOrWhatHoldsItBack(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{}, r) // it repeats after ten minutes
		d.sends("feed", failure, "no prices")
		d.untilTold(r, "1 opened")
		require.Empty(t, d.next(1), "nobody is told again unless there is more to tell")
		d.sends("feed", failure, "no prices")
		d.untilCounted(1, 2)
		opened := d.incident(1).FirstSeen
		require.Equal(t, []string{"update in 10m0s"}, d.kinds(opened))
		require.Contains(t, d.next(1)[0].Reason, "still open: 1 event since ")
		require.Contains(t, d.next(1)[0].Reason, ", 2 in all; told to desk")

		d.silence("feed", 5*time.Minute) // it has ended by then
		require.Equal(t, []string{"update in 10m0s"}, d.kinds(opened))
		d.silence("feed", time.Hour)
		require.Equal(t, []string{"held_back in 10m0s", "notify in 1h0m0s"}, d.kinds(opened))
		require.Contains(t, d.next(1)[0].Reason, "not told that it was updated: silenced by ada (we know) until ")
		require.Equal(t, "the silence ends: updated; told to desk", d.next(1)[1].Reason)
		p.pass(t, 11*time.Minute)
		require.True(t, p.comes(func() bool { return d.incident(1).Hold != nil }))
		require.Equal(t, []string{"notify in 1h0m0s"}, d.kinds(opened))
		p.pass(t, 50*time.Minute)
		d.untilTold(r, "1 opened", "1 updated")
		require.Empty(t, d.next(1))
	})
}

func TestNextIsTheAttemptAndTheEndOfPatience(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r, backup := newReceiver("desk"), newReceiver("backup")
		r.answers(down)
		d := p.start(t, r.channel(func(p *delivery.Policy) {
			p.Fallback, p.Retry = "backup", delivery.Retry{Initial: 10 * time.Minute, Max: 10 * time.Minute, GiveUpAfter: time.Hour}
		}), backup.channel(func(p *delivery.Policy) { p.Enabled = false }))
		d.sends("feed", failure, "no prices")
		require.True(t, p.comes(func() bool { return d.delivery(0).Attempts == 1 && d.delivery(0).Status == delivery.Waiting }))
		waits := d.delivery(0)
		require.Equal(t, []routing.Next{
			{At: waits.DueAt, Kind: routing.NextAttempt, Channel: "desk", Reason: "opened: attempt 2; the last one has failed: answered 503 Service Unavailable"},
			{At: waits.GiveUpAt, Kind: routing.NextGiveUp, Channel: "desk", Reason: "opened: given up unless it is delivered by then"},
		}, d.next(1))
		d.resolve("ada") // what tells of it waits behind that it was opened
		require.True(t, p.comes(func() bool { return len(d.deliveries()) == 2 }))
		var kinds []string
		for _, one := range d.next(1) {
			kinds = append(kinds, string(one.Kind)+" "+one.Reason)
		}
		require.Equal(t, []string{
			"attempt opened: attempt 2; the last one has failed: answered 503 Service Unavailable", "give_up opened: given up unless it is delivered by then",
			"give_up resolved: given up unless it is delivered by then",
		}, kinds)
		behind := d.knows(1, "desk")
		require.Equal(t, waits.DueAt, behind.Until, "it is not sent before the one that it waits behind")
		require.Equal(t, "answered 503 Service Unavailable", behind.Why)
		d.settings.Channels[1] = backup.channel()
		d.reconfigure()
		require.Contains(t, d.next(1)[1].Reason, "; backup is told in its place")
		d.enable(false)
		require.Empty(t, d.next(1), "what waits is kept")
		d.enable(true)
		r.answers(nil)
		p.pass(t, 10*time.Minute)
		d.untilTold(r, "1 opened", "1 resolved")
		require.Empty(t, d.next(1))
	})
}

func TestNextIsTheDigestThatGathersIt(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel(func(p *delivery.Policy) { p.RateLimit = delivery.Rate{Count: 1, Per: time.Hour} }))
		d.sends("feed", failure, "no prices")
		d.untilTold(r, "1 opened")
		d.sends("feed", failure, "no quotes")
		d.untilCounted(2, 1)
		require.True(t, p.comes(func() bool { return len(d.next(2)) > 0 }))
		next := d.next(2)
		require.Len(t, next, 1)
		require.Equal(t, routing.NextDigest, next[0].Kind)
		require.Equal(t, "desk", next[0].Channel)
		require.Contains(t, next[0].Reason, "told in the channel's next digest: over ")
		require.Empty(t, d.next(1))
		r.answers(down)
		p.pass(t, next[0].At.Sub(d.incident(2).FirstSeen))
		require.True(t, p.comes(func() bool { return d.delivery(1).Attempts > 0 && d.delivery(1).Status == delivery.Waiting }))
		next = d.next(2)
		require.Len(t, next, 2)
		require.Contains(t, next[0].Reason, "digest: attempt ")
		require.Equal(t, routing.NextGiveUp, next[1].Kind)
		require.Empty(t, d.next(1), "the digest is not about it")
	})
}

func TestNextWaitsForAChannelThatIsDown(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		r.answers(down)
		d := start(t, r.channel(func(p *delivery.Policy) { p.Retry.Initial, p.Retry.Max = time.Second, time.Second }))
		d.sends("feed", failure, "no prices")
		wait(4500 * time.Millisecond)
		require.Equal(t, delivery.BreakerOpen, d.channel().Breaker)
		next := d.next(1)[0]
		require.Equal(t, routing.NextAttempt, next.Kind)
		before := len(r.messages())
		wait(time.Until(next.At) - 10*time.Millisecond)
		require.Len(t, r.messages(), before)
		wait(20 * time.Millisecond)
		require.Len(t, r.messages(), before+1)
	})
}

func TestNextIsNotFoundWithoutAnIncident(t *testing.T) {
	story(t, func(t *testing.T) {
		d := start(t)
		_, err := d.Engine.Next(t.Context(), incident.NewID())
		requireCode(t, err, alerting.CodeNotFound)
	})
}

// What is next is what then happens, in random stories: each of it at its time, and nothing
// else.
func TestNextIsWhatHappens(t *testing.T) {
	var seen sync.Map
	t.Cleanup(func() {
		for _, kind := range []routing.NextKind{routing.NextNotify, routing.NextHeldBack, routing.NextResolve, routing.NextSettle} {
			_, met := seen.Load(kind)
			require.True(t, met, "no story has met this: %s", kind)
		}
	})
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			story(t, func(t *testing.T) {
				d := (&place{Database: storetest.SQLite(t)}).startWith(t, routing.Settings{
					Routes: []routing.Route{
						{Name: "waits", Condition: from("waits"), GroupWait: 20 * time.Second, Continue: true},
						{Name: "quiet", Condition: from("waits", "quiet", "flaps"), ResolveAfter: 25 * time.Minute},
						{Name: "others"},
					},
					Flapping: routing.Flapping{Count: 3, Within: 15 * time.Minute},
				}, newReceiver("desk"), newReceiver("page"))
				random := rand.New(rand.NewPCG(seed, 7))
				pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
				for range 70 {
					switch source := pick("waits", "quiet", "flaps", "flaps", "other"); random.IntN(10) {
					case 0:
						d.silence(source, time.Duration(1+random.IntN(30))*time.Minute)
					default:
						d.sends(source, failure, pick("a", "b"), func(a *alerting.Alert) { a.Resolves = random.IntN(2) == 0 })
					}
					wait(time.Duration(random.IntN(40)) * time.Second)
				}
				page, err := d.Work.Incidents(t.Context(), incident.Query{Limit: 1000})
				require.NoError(t, err)
				told, before := map[incident.Number][]string{}, map[incident.Number]int{}
				for _, i := range page.Incidents {
					for _, one := range d.next(i.Number) {
						if one.Kind == routing.NextNotify { // the timeline has said before what holds it back
							_, one.Reason, _ = strings.Cut(one.Reason, "; ")
						}
						seen.Store(one.Kind, true)
						told[i.Number] = append(told[i.Number], fmt.Sprintf("%s %s", alerting.FormatTime(one.At.Truncate(time.Second)), one.Reason))
					}
					before[i.Number] = len(d.timeline(i.Number))
				}
				require.NotEmpty(t, told)
				wait(65 * time.Minute) // all of it is over then
				for _, i := range page.Incidents {
					require.Equal(t, told[i.Number], d.happened(i.Number, before[i.Number]), "incident %d", i.Number)
				}
			})
		})
	}
}

// happened returns what has happened to an incident after some entries of its timeline, each
// as its time and its words.
func (d *daemon) happened(number incident.Number, after int) (happened []string) {
	d.t.Helper()
	entries, err := d.Work.Timeline(d.t.Context(), d.incident(number).ID)
	require.NoError(d.t, err)
	entries = slices.DeleteFunc(entries[after:], func(e incident.Entry) bool { return e.Kind == incident.EntryDelivered })
	for len(entries) > 0 {
		one := 1
		for one < len(entries) && entries[one].At.Equal(entries[0].At) {
			one++
		}
		var why []string
		for _, e := range entries[:one] {
			why = append(why, e.Reason)
		}
		happened = append(happened, fmt.Sprintf("%s %s", alerting.FormatTime(entries[0].At.Truncate(time.Second)), strings.Join(why, "; ")))
		entries = entries[one:]
	}
	return happened
}
