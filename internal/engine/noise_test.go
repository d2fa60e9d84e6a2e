package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/engine"
	"alertd/internal/incident"
	"alertd/internal/matcher"
	"alertd/internal/routing"
	"alertd/internal/store/storetest"
)

// from returns what matches a source.
func from(sources ...string) matcher.Condition {
	return matcher.Condition{Match: matcher.Spec{Source: sources}}
}

// startWith starts an alertd with settings of routing.
func (p *place) startWith(t *testing.T, settings routing.Settings, receivers ...*receiver) *daemon {
	t.Helper()
	d := &daemon{t: t, place: p}
	d.settings = engine.Settings{Enabled: true, RepeatInterval: 10 * time.Minute, PublicURL: "https://alertd.example.com", Routing: settings}
	for _, r := range receivers {
		d.settings.Channels = append(d.settings.Channels, r.channel())
	}
	d.start()
	return d
}

// sends registers an alert.
func (d *daemon) sends(source string, severity alerting.Severity, message string, changes ...func(a *alerting.Alert)) {
	d.t.Helper()
	a := alerting.Alert{Severity: severity, Category: alerting.CategoryRiskLimit, Source: source, Message: message}
	for _, change := range changes {
		change(&a)
	}
	_, err := d.Register(d.t.Context(), a)
	require.NoError(d.t, err)
	if d.place.inBubble() {
		wait(time.Millisecond)
	}
}

func resolves(a *alerting.Alert) { a.Resolves = true }

// about returns the notice that was told as "number reason".
func (r *receiver) about(told string) incident.Notice {
	for _, m := range r.messages() {
		if fmt.Sprintf("%d %s", m.n.Notice.Incident.Number, m.n.Notice.Reason) == told {
			return m.n.Notice
		}
	}
	return incident.Notice{}
}

// untilCounted waits until an incident has so many events.
func (d *daemon) untilCounted(number incident.Number, count uint64) {
	d.t.Helper()
	require.True(d.t, d.place.comes(func() bool {
		page, err := d.Work.Incidents(d.t.Context(), incident.Query{Before: number + 1, Limit: 1})
		require.NoError(d.t, err)
		return len(page.Incidents) > 0 && page.Incidents[0].Number == number && page.Incidents[0].Count == count
	}))
}

const (
	warning = alerting.SeverityWarning
	failure = alerting.SeverityError
	worst   = alerting.SeverityCritical
)

func TestRiseToCriticalEndsTheWait(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{Routes: []routing.Route{{Name: "risk", GroupWait: time.Hour}}}, r)
		d.sends("var_gate", warning, "VaR is over")
		d.sends("var_gate", worst, "VaR is over")
		d.untilTold(r, "1 opened")
		require.Equal(t, worst, r.messages()[0].n.Notice.Incident.Severity)
	})
}

func TestWhatWasDueBeforeItWasOverIsToldAfterADowntime(t *testing.T) {
	for name, settings := range map[string]routing.Settings{
		"by quiet":    {Routes: []routing.Route{{Name: "all", GroupWait: 10 * time.Second, ResolveAfter: 30 * time.Minute}}},
		"by flapping": {Routes: []routing.Route{{Name: "all", GroupWait: 10 * time.Second}}, Flapping: routing.Flapping{Count: 1, Within: 30 * time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T) {
				r := newReceiver("desk")
				d := (&place{Database: storetest.SQLite(t)}).startWith(t, settings, r)
				d.sends("feed", failure, "no prices")
				if settings.Flapping.Count > 0 {
					d.sends("feed", failure, "no prices", resolves)
				}
				wait(5 * time.Second)
				d.stop()
				wait(time.Hour)
				d.start()
				wait(29 * time.Minute)
				require.Equal(t, []string{"1 opened"}, r.told(), "nobody could say anything while alertd was away")
				wait(2 * time.Minute)
				require.Equal(t, []string{"1 opened", "1 resolved"}, r.told())
			})
		})
	}
}

// What goes on all the time is not over because alertd could not hear of it.
func TestTheQuietOfADowntimeResolvesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{Routes: []routing.Route{{Name: "all", ResolveAfter: 30 * time.Minute}}}, r)
		d.sends("feed", failure, "no prices")
		d.untilTold(r, "1 opened")
		d.isAway()
		p.pass(t, 20*time.Minute)
		d.sends("feed", failure, "no prices")
		d.untilTold(r, "1 opened", "1 updated")
		p.pass(t, 29*time.Minute)
		d.isAway()
		p.pass(t, 29*time.Minute)
		require.Equal(t, incident.Triggered, d.incident(1).Status)
		p.pass(t, 2*time.Minute)
		d.untilTold(r, "1 opened", "1 updated", "1 resolved")
	})
}

func TestReloadedRouteResolvesWhatIsOpenAndQuiet(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{}, r)
		d.sends("feed", failure, "no prices")
		d.untilTold(r, "1 opened")
		d.settings.Routing.Routes = []routing.Route{{Name: "all", ResolveAfter: 30 * time.Minute}}
		d.reconfigure()
		require.True(t, p.comes(func() bool { return p.Number(t, `SELECT count(*) FROM timers WHERE kind = 1`) == 1 }))
		p.pass(t, 31*time.Minute)
		d.untilTold(r, "1 opened", "1 resolved")
	})
}

func TestQuietDoesNotResolveWhatAlertdRaises(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := (&place{Database: storetest.SQLite(t)}).startWith(t, routing.Settings{Routes: []routing.Route{{Name: "all", ResolveAfter: time.Minute}}}, r)
		d.sends(alerting.OwnSource, worst, "heartbeat var-engine is missed", func(a *alerting.Alert) { a.DedupKey = "alertd.heartbeat.var-engine" })
		wait(time.Hour)
		require.Equal(t, []string{"1 opened"}, r.told())
	})
}

func TestFlappingIsToldOnceAndOnceWhenItEnds(t *testing.T) {
	for name, gone := range map[string]bool{"and is gone": true, "and stays": false} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p *place) {
				r := newReceiver("desk")
				d := p.startWith(t, routing.Settings{Flapping: routing.Flapping{Count: 3, Within: 10 * time.Minute}}, r)
				for range 6 {
					d.sends("feed", failure, "no prices")
					d.sends("feed", failure, "no prices", resolves)
				}
				if !gone {
					d.sends("feed", failure, "no prices")
				}
				before := []string{"1 opened", "1 resolved", "2 opened", "2 resolved", "3 opened"}
				d.untilTold(r, before...)
				require.Contains(t, r.about("3 opened").Why, "flapping: it was opened 3 times within 10m0s")
				p.pass(t, 11*time.Minute)
				if gone {
					d.untilTold(r, append(before, "3 resolved")...)
					return
				}
				d.untilTold(r, append(before, "3 updated")...)
				require.Contains(t, r.about("3 updated").Why, "flapping has ended")
			})
		})
	}
}

// silence makes a silence of a source for some time.
func (d *daemon) silence(source string, during time.Duration, changes ...func(s *routing.Silence)) routing.Silence {
	d.t.Helper()
	now, err := d.Work.Now(d.t.Context())
	require.NoError(d.t, err)
	s := routing.Silence{Condition: from(source), EndsAt: now.Add(during), By: "ada", Comment: "we know"}
	for _, change := range changes {
		change(&s)
	}
	s, err = d.Engine.Silence(d.t.Context(), s)
	require.NoError(d.t, err)
	return s
}

func TestResolutionPassesASilence(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{}, r)
		d.sends("feed", failure, "no prices")
		d.untilTold(r, "1 opened")
		d.silence("feed", time.Hour, func(s *routing.Silence) { s.AllowCritical = true })
		d.sends("feed", worst, "no prices")
		d.untilCounted(1, 2)
		d.untilTold(r, "1 opened")
		d.sends("feed", failure, "no prices", resolves)
		d.untilTold(r, "1 opened", "1 resolved")
	})
}

func TestCircleOfInhibitionsHoldsBackNobody(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{Inhibitions: []routing.Inhibition{
			{Name: "ab", While: from("a"), Hold: from("b")}, {Name: "bc", While: from("b"), Hold: from("c")}, {Name: "ca", While: from("c"), Hold: from("a")},
		}}, r)
		d.sends("a", failure, "a")
		d.sends("b", failure, "b")
		d.untilCounted(2, 1)
		require.NotNil(t, d.incident(2).Hold)
		d.sends("c", failure, "c")
		d.untilTold(r, "1 opened")
		p.pass(t, time.Minute)
		d.sends("b", worst, "b") // looked at again, now that the circle is closed
		d.untilTold(r, "1 opened", "2 opened")
	})
}

func TestReloadedInhibitionKnowsWhatIsOpen(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{}, r)
		d.sends("kill_switch", worst, "halted")
		d.untilTold(r, "1 opened")
		d.settings.Routing.Inhibitions = []routing.Inhibition{{Name: "halted", While: from("kill_switch"), Hold: from("oms")}}
		d.reconfigure()
		d.sends("oms", failure, "order rejected")
		d.untilCounted(2, 1)
		require.Equal(t, "inhibition halted", d.incident(2).Hold.Holder)
	})
}

func TestRemovedRulesLetGo(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		halted := []routing.Inhibition{{Name: "halted", While: from("kill_switch"), Hold: from("oms")}}
		d := p.startWith(t, routing.Settings{Inhibitions: halted}, r)
		d.sends("kill_switch", worst, "halted")
		d.sends("oms", failure, "order rejected")
		d.untilCounted(2, 1)
		d.untilTold(r, "1 opened")
		d.settings.Routing.Inhibitions = nil
		d.reconfigure()
		d.untilTold(r, "1 opened", "2 opened")
		d.sends("kill_switch", worst, "halted again")
		d.untilTold(r, "1 opened", "2 opened", "3 opened")
		d.settings.Routing.Inhibitions = halted
		d.resolve("ada")
		d.reconfigure()
		d.sends("oms", failure, "order refused")
		d.untilCounted(4, 1)
		require.Contains(t, d.incident(4).Hold.Why, "held back by incident 3", "though it was opened without the inhibition")
	})
}

func TestAcknowledgedIncidentIsToldAfterTheSilence(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{}, r)
		d.silence("feed", time.Hour)
		d.sends("feed", failure, "no prices")
		d.untilCounted(1, 1)
		d.acknowledge(1, "ada")
		d.untilTold(r)
		p.pass(t, time.Hour)
		d.untilTold(r, "1 opened")
	})
}

func TestDigestedIncidentIsResolvedInADigest(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := start(t, r.channel(func(p *delivery.Policy) { p.RateLimit = delivery.Rate{Count: 1, Per: time.Minute} }))
		d.sends("feed", failure, "no prices")
		d.sends("feed", failure, "no quotes")
		wait(time.Minute)
		require.Equal(t, []string{"1 opened", "0 digest"}, r.told())
		d.sends("feed", failure, "no quotes", resolves)
		d.sends("feed", failure, "no prices", resolves)
		wait(2 * time.Minute)
		require.ElementsMatch(t, []string{"1 opened", "0 digest", "1 resolved", "0 digest"}, r.told())
		var digests []incident.Status
		for _, m := range r.messages() {
			if d := m.n.Notice.Digest; d != nil {
				digests = append(digests, d.Worst[0].Status)
			}
		}
		require.Equal(t, []incident.Status{incident.Triggered, incident.Resolved}, digests)
	})
}

func TestDigestOfAChannelThatFailsGoesToItsFallback(t *testing.T) {
	story(t, func(t *testing.T) {
		r, backup := newReceiver("desk"), newReceiver("backup")
		d := start(t, r.channel(func(p *delivery.Policy) {
			p.RateLimit, p.Fallback = delivery.Rate{Count: 1, Per: time.Minute}, "backup"
		}), backup.channel(func(p *delivery.Policy) { p.MinSeverity = worst }))
		d.sends("feed", failure, "no prices")
		d.sends("feed", failure, "no quotes")
		r.answers(refuses)
		wait(time.Minute)
		require.Equal(t, []string{"0 digest"}, backup.told())
		page, err := d.Work.Deliveries(t.Context(), delivery.Query{Incident: d.incident(2).ID, Limit: 10})
		require.NoError(t, err)
		require.Len(t, page.Deliveries, 2, "both are about the incident")
		require.Contains(t, d.timeline(2), "failed: digest not delivered: answered 400 Bad Request; it would not be taken later either")
	})
}
