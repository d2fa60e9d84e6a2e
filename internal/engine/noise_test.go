package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/calendar"
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

func in(t *testing.T, context string) func(a *alerting.Alert) {
	t.Helper()
	return func(a *alerting.Alert) {
		var err error
		a.Context, err = alerting.ParseContext([]byte(context))
		require.NoError(t, err)
	}
}

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

func TestRoutesSayWhoIsToldAndWhatIsAlike(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		risk, ops, all := newReceiver("risk"), newReceiver("ops"), newReceiver("all")
		d := p.startWith(t, routing.Settings{
			DefaultChannels: []string{"all"},
			Routes: []routing.Route{
				{Name: "audit", Condition: from("var_*"), Channels: []string{"ops"}, Continue: true, GroupBy: []string{"source", "context.position"}},
				{Name: "risk", Condition: from("var_*"), Channels: []string{"risk"}},
			},
		}, risk, ops, all)
		d.sends("var_gate", failure, "VaR is over", in(t, `{"position":"BTC"}`))
		d.sends("var_gate", failure, "something else", in(t, `{"position":"BTC"}`))
		d.sends("var_gate", failure, "VaR is over", in(t, `{"position":"ETH"}`))
		d.sends("feed", failure, "no prices")
		d.untilTold(risk, "1 opened", "2 opened")
		d.untilTold(ops, "1 opened", "2 opened")
		d.untilTold(all, "3 opened")
		d.untilCounted(1, 2)
		require.Equal(t, incident.ByRoute, d.incident(1).Grouping)
		require.Equal(t, `{source="var_gate", context.position="BTC"}`, d.incident(1).Pattern)
		require.Equal(t, "audit", d.incident(1).Route)
		require.Contains(t, d.timeline(1), "notified: told to ops, risk (route audit)")
		require.Contains(t, d.timeline(3), "notified: told to all")
	})
}

func TestGroupWaitCollectsAndCriticalDoesNotWait(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{Routes: []routing.Route{{Name: "risk", GroupWait: 30 * time.Second}}}, r)
		for range 5 {
			d.sends("var_gate", failure, "VaR is over")
		}
		d.sends("kill_switch", worst, "halted")
		d.untilTold(r, "2 opened")
		d.untilCounted(1, 5)
		p.pass(t, 31*time.Second)
		d.untilTold(r, "2 opened", "1 opened")
		require.Equal(t, uint64(5), r.about("1 opened").Since)
		require.Contains(t, d.timeline(1), "held_back: not told that it was opened: route risk waits 30s for more events")
	})
}

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

func TestQuietResolves(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{Routes: []routing.Route{{Name: "risk", ResolveAfter: 30 * time.Minute, RepeatInterval: 24 * time.Hour}}}, r)
		d.sends("var_gate", failure, "VaR is over")
		d.untilTold(r, "1 opened")
		p.pass(t, 20*time.Minute)
		d.sends("var_gate", failure, "VaR is over")
		d.untilCounted(1, 2)
		p.pass(t, 20*time.Minute)
		d.untilTold(r, "1 opened")
		p.pass(t, 11*time.Minute)
		d.untilTold(r, "1 opened", "1 resolved")
		require.Contains(t, d.timeline(1), "resolved: resolved: no event for 30m0s")
	})
}

func TestQuietDoesNotResolveWhatAlertdRaises(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := (&place{storetest.SQLite(t)}).startWith(t, routing.Settings{Routes: []routing.Route{{Name: "all", ResolveAfter: time.Minute}}}, r)
		d.sends(alerting.OwnSource, worst, "heartbeat var-engine is missed", func(a *alerting.Alert) { a.DedupKey = "alertd.heartbeat.var-engine" })
		wait(time.Hour)
		require.Equal(t, []string{"1 opened"}, r.told())
	})
}

func TestEventResolves(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{}, r)
		d.sends("feed", failure, "no prices", resolves)
		d.sends("feed", failure, "no prices")
		d.sends("feed", failure, "no prices", resolves)
		d.sends("feed", failure, "no prices", resolves)
		d.untilTold(r, "1 opened", "1 resolved")
		d.sends("feed", failure, "no prices")
		d.untilTold(r, "1 opened", "1 resolved", "2 opened")
		require.Equal(t, uint64(2), d.incident(1).Count)
		require.Equal(t, "feed", d.incident(1).ResolvedBy)
		require.Contains(t, d.timeline(1), "resolved: resolved by event 3 from feed")
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

func TestPromotionRaisesTheSeverity(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{Promotions: []routing.Promotion{
			{Name: "thrice", Condition: from("feed"), Count: 3, Within: 5 * time.Minute, Up: 1},
			{Name: "often", Condition: from("feed"), Count: 6, Within: 15 * time.Minute, To: worst},
		}}, r)
		for range 2 {
			d.sends("feed", warning, "no prices")
		}
		d.untilCounted(1, 2)
		p.pass(t, 6*time.Minute)
		for range 3 {
			d.sends("feed", warning, "no prices")
		}
		d.untilTold(r, "1 opened", "1 severity_raised")
		require.Equal(t, failure, d.incident(1).Severity)
		d.sends("feed", warning, "no prices")
		d.untilTold(r, "1 opened", "1 severity_raised", "1 severity_raised")
		require.Contains(t, d.timeline(1), "promoted: promoted from warning to error: 3 events within 5m0s (promotion thrice)")
		require.Contains(t, d.timeline(1), "promoted: promoted from error to critical: 6 events within 15m0s (promotion often)")
	})
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

func TestSilenceHoldsBackAndTellsOnceAtItsEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{}, r)
		s := d.silence("feed", time.Hour)
		for range 3 {
			d.sends("feed", failure, "no prices")
		}
		d.sends("feed", failure, "no quotes")
		d.sends("feed", failure, "no quotes", resolves)
		d.sends("feed", worst, "no feed")
		d.untilTold(r, "3 opened")
		d.untilCounted(1, 3)
		found, err := d.Engine.OneSilence(t.Context(), s.ID)
		require.NoError(t, err)
		require.Equal(t, []any{2, 2, routing.SilenceActive}, []any{found.Notices, len(found.Incidents), found.Status})
		require.Equal(t, s.Holder(), d.incident(1).Hold.Holder)
		p.pass(t, time.Hour)
		d.untilTold(r, "3 opened", "1 opened")
		require.Equal(t, uint64(3), r.about("1 opened").Since)
		require.Contains(t, d.timeline(2)[1], "held_back: not told that it was opened: silenced by ada (we know) until ")
		require.Contains(t, d.timeline(2), "held_back: not told that it was opened: it is over")
	})
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

func TestExpiredSilenceTellsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{}, r)
		s := d.silence("feed", 24*time.Hour)
		d.sends("feed", failure, "no prices")
		d.untilCounted(1, 1)
		d.untilTold(r)
		_, err := d.Engine.ExpireSilence(t.Context(), s.ID, "ada")
		require.NoError(t, err)
		d.untilTold(r, "1 opened")
	})
}

func TestWindowHoldsBack(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		now := time.Now().UTC()
		hours, err := calendar.New(calendar.Spec{
			Name: "batch", TimeZone: "UTC", Hours: []string{now.Add(-time.Minute).Format("15:04") + "-" + now.Add(10*time.Minute).Format("15:04")},
		})
		require.NoError(t, err)
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{
			Calendars: map[string]*calendar.Calendar{"batch": hours},
			Windows:   []routing.Window{{Name: "nightly", Condition: from("batch_*"), During: "batch"}},
		}, r)
		d.sends("batch_1", failure, "late")
		d.sends("var_gate", failure, "VaR is over")
		d.untilTold(r, "2 opened")
		d.untilCounted(1, 1)
		p.pass(t, 11*time.Minute)
		d.untilTold(r, "2 opened", "1 opened")
	})
}

func TestInhibitionHoldsBackWhileTheOtherIsOpen(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{Inhibitions: []routing.Inhibition{
			{Name: "halted", While: from("kill_switch"), Hold: from("oms", "kill_switch"), Equal: []string{"venue"}},
		}}, r)
		d.sends("kill_switch", worst, "halted", in(t, `{"venue":"XETR"}`))
		d.sends("oms", failure, "order rejected", in(t, `{"venue":"XETR"}`))
		d.sends("oms", failure, "order refused", in(t, `{"venue":"XLON"}`))
		d.untilTold(r, "1 opened", "3 opened")
		d.untilCounted(2, 1)
		require.Equal(t, "inhibition halted", d.incident(2).Hold.Holder)
		d.resolve("ada")
		d.untilTold(r, "1 opened", "3 opened", "1 resolved", "2 opened")
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

func TestStormTellsTheRestInDigests(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		storm := routing.DefaultStorm()
		storm.Threshold = 20
		d := p.startWith(t, routing.Settings{Storm: storm}, r)
		for n := range 30 {
			d.sends("feed", failure, "no prices of "+string(rune('A'+n)))
		}
		d.sends("kill_switch", worst, "halted")
		told := func(reason incident.Reason, source string) int {
			incidents := map[incident.Number]bool{} // as a message may come twice
			for _, m := range r.messages() {
				if n := m.n.Notice; n.Reason == reason && (source == "" || n.Incident.Source == source) {
					incidents[n.Incident.Number] = true
				}
			}
			return len(incidents)
		}
		require.True(t, p.comes(func() bool { return told(incident.Opened, "kill_switch") == 1 }), "a critical one is told by itself")
		require.True(t, p.comes(func() bool { return told(incident.Opened, alerting.OwnSource) == 1 }), "and that there is a storm")
		require.Contains(t, d.own()[0], "events in a minute, the threshold is 20; below critical incidents are told in digests only; most are from feed (")
		p.pass(t, 5*time.Minute)
		require.True(t, p.comes(func() bool { return told(incident.Digested, "") == 1 }))
		p.pass(t, 90*time.Second)
		require.True(t, p.comes(func() bool { return told(incident.WasResolved, alerting.OwnSource) == 1 }), "the storm is over")
		opened := told(incident.Opened, "feed")
		require.Equal(t, 30, opened+r.about("0 digest").Digest.Incidents, "each is told by itself or in the digest")
		require.Less(t, opened, 20)
		d.sends("feed", failure, "no prices of all")
		require.True(t, p.comes(func() bool { return told(incident.Opened, "feed") == opened+1 }))
	})
}

func TestBucketOutlastsARestart(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := &daemon{t: t, place: p}
		d.settings = engine.Settings{Enabled: true, RepeatInterval: time.Hour, Channels: []engine.Channel{
			r.channel(func(p *delivery.Policy) { p.RateLimit = delivery.Rate{Count: 2, Per: time.Hour} }),
		}}
		d.start()
		for _, message := range []string{"a", "b"} {
			d.sends("feed", failure, message)
		}
		d.untilTold(r, "1 opened", "2 opened")
		d.stop()
		d.start()
		d.sends("feed", failure, "c")
		d.sends("feed", worst, "d")
		d.untilTold(r, "1 opened", "2 opened", "4 opened")
		d.untilCounted(3, 1)
		require.Contains(t, d.timeline(3), "notified: in a digest to desk (over the rate_limit of channel desk)")
		p.pass(t, time.Hour)
		d.untilTold(r, "1 opened", "2 opened", "4 opened", "0 digest")
		require.Contains(t, d.timeline(3), "notified: told to desk in a digest of 1 incident")
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

func TestExplainSaysWhatIsThenDone(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{Routes: []routing.Route{{Name: "risk", Condition: from("var_gate")}}}, r)
		d.silence("feed", time.Hour)
		for source, want := range map[string]string{"var_gate": "told to desk (route risk)", "feed": "told to nobody; not to desk (held back by silence"} {
			alert := alerting.Alert{Severity: failure, Category: alerting.CategoryRiskLimit, Source: source, Message: "no prices"}
			x, err := d.Engine.Explain(t.Context(), alert, time.Time{})
			require.NoError(t, err)
			require.Len(t, x.Decisions, 1)
			require.Contains(t, x.Decisions[0].String(), want)
			require.True(t, x.Opens)
		}
		page, err := d.Work.Incidents(t.Context(), incident.Query{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, page.Incidents, "nothing is changed by it")
		d.sends("feed", failure, "no prices")
		d.untilCounted(1, 1)
		recipients, err := d.Engine.Recipients(t.Context(), d.incident(1).ID)
		require.NoError(t, err)
		require.Len(t, recipients, 1)
		require.Equal(t, routing.RecipientHeldBack, recipients[0].State)
		require.Contains(t, recipients[0].Why, "silenced by ada")
	})
}
