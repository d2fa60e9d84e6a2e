package routing_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/matcher"
	"alertd/internal/routing"
)

// desk is all that decides, without a database: events are folded, and what is decided
// about their incidents is written down.
type desk struct {
	t        *rapid.T
	rules    *routing.Rules
	standing *routing.Standing
	throttle *routing.Throttle
	storm    routing.StormState
	now      time.Time
	seq      alerting.Seq
	open     map[incident.Fingerprint]*story
	all      []*story
}

// story is an incident and what was decided about it.
type story struct {
	incident.Incident
	last     *alerting.Event
	notices  []incident.Notice
	entries  []incident.Entry
	verdicts map[string][]routing.Target // by channel, one for each notice
}

func condition(sources ...string) matcher.Condition {
	return matcher.Condition{Match: matcher.Spec{Source: sources}}
}

func newDesk(t *rapid.T) *desk {
	rate := rapid.SampledFrom([]delivery.Rate{{}, {Count: 2, Per: time.Minute}})
	policies := []delivery.Policy{
		policy("chat", func(p *delivery.Policy) { p.RateLimit = rate.Draw(t, "chat's rate") }),
		policy("page", func(p *delivery.Policy) { p.MinSeverity = alerting.SeverityCritical }),
	}
	wait := rapid.SampledFrom([]time.Duration{0, 10 * time.Second})
	rules, err := routing.Compile(routing.Settings{
		Routes: []routing.Route{
			{Name: "first", Condition: condition("a"), GroupWait: wait.Draw(t, "wait"), RateLimit: rate.Draw(t, "route's rate"), Continue: true},
			{Name: "second", Condition: condition("a", "b"), Channels: []string{"chat"}, ResolveAfter: 5 * time.Minute, GroupBy: []string{"source", "message"}},
		},
		Promotions:  []routing.Promotion{{Name: "often", Condition: condition("a"), Count: 3, Within: time.Minute, Up: 1}},
		Inhibitions: []routing.Inhibition{{Name: "ac", While: condition("a"), Hold: condition("c")}, {Name: "ca", While: condition("c"), Hold: condition("a")}},
		Storm:       routing.Storm{Threshold: rapid.SampledFrom([]int{0, 6}).Draw(t, "storm"), Pass: alerting.SeverityCritical, DigestEvery: time.Minute},
		Flapping:    routing.Flapping{Count: rapid.SampledFrom([]int{0, 3}).Draw(t, "flapping"), Within: time.Minute},
	}, policies, 2*time.Minute, nil)
	require.NoError(t, err)
	return &desk{
		t: t, rules: rules, standing: routing.NewStanding(nil, nil), throttle: &routing.Throttle{}, now: now, open: map[incident.Fingerprint]*story{},
	}
}

// hold returns what holds back, and checks that a wait that has an end ends later than now.
func (d *desk) terms(s *story) incident.Terms {
	terms := d.rules.Terms(routing.SubjectOf(s.last), d.now)
	terms.Hold = func(i *incident.Incident) *incident.Hold {
		of := routing.SubjectAbout(i, s.last)
		hold := d.rules.Hold(i, of, d.rules.PathOf(of, d.now), d.standing, d.now)
		if hold != nil {
			require.NotEmpty(d.t, hold.Why)
			require.True(d.t, hold.Until.IsZero() || hold.Until.After(d.now), "it does not end at once")
		}
		return hold
	}
	return terms
}

func (d *desk) took(s *story, c incident.Change) {
	s.entries = append(s.entries, c.Entries...)
	if s.Status.Open() {
		if inhibitor, inhibits := d.rules.InhibitorOf(&s.Incident, routing.SubjectOf(s.last)); inhibits {
			d.standing.Inhibit(inhibitor)
		}
	} else {
		d.standing.Release(s.Number)
		delete(d.open, s.Fingerprint)
	}
	if c.Notice == nil {
		return
	}
	s.notices = append(s.notices, *c.Notice)
	told := func(channel, _ string) routing.Heard {
		heard := routing.HeardNothing
		for _, v := range s.verdicts[channel] {
			switch v.Verdict {
			case routing.Send:
				return routing.HeardItself
			case routing.InDigest:
				heard = routing.HeardInDigest
			case routing.Hold, routing.HeldBack, routing.NotAsked:
			}
		}
		return heard
	}
	d.throttle.Now, d.throttle.Storming = d.now, d.storm.Open
	path := d.rules.PathOf(routing.SubjectAbout(&c.Notice.Incident, s.last), d.now)
	decision := d.rules.Decide(*c.Notice, path, told, d.throttle)
	for _, v := range decision.Targets {
		require.Equal(d.t, v.Verdict == routing.Send, v.Cause == "", "what is not sent has a reason")
		require.NotContains(d.t, []routing.Verdict{routing.Hold, routing.HeldBack}, v.Verdict, "what is held back as a whole makes no notice")
		s.verdicts[v.Channel] = append(s.verdicts[v.Channel], v)
	}
}

func (d *desk) event(source, message string, severity alerting.Severity, resolves bool) *alerting.Event {
	d.seq++
	draft, err := alerting.NewDraft(alerting.Alert{
		Severity: severity, Category: alerting.CategoryRiskLimit, Source: source, Message: message, Resolves: resolves,
	}, d.now)
	require.NoError(d.t, err)
	return draft.Finish(d.seq)
}

// fold folds a batch.
func (d *desk) fold(events ...*alerting.Event) {
	d.storm.Count(d.rules.Storm(), events, d.now)
	for _, e := range events {
		key := d.rules.KeyOf(e)
		s := d.open[key.Fingerprint]
		switch {
		case s == nil && e.Resolves():
			continue
		case s == nil:
			s = &story{last: e, verdicts: map[string][]routing.Target{}}
			terms := d.terms(s)
			for _, before := range d.all {
				if before.Fingerprint == key.Fingerprint {
					terms.Before = before.Openings
				}
			}
			d.open[key.Fingerprint], d.all = s, append(d.all, s)
			var c incident.Change
			s.Incident, c = incident.Open(incident.NewID(), incident.Number(len(d.all)), key, e, terms, d.now)
			d.took(s, c)
		case e.Resolves():
			s.last = e
			d.took(s, s.ResolveBy(e, d.terms(s), d.now))
			continue
		default:
			s.last = e
			d.took(s, s.Add(e, d.terms(s), d.now))
		}
		for _, p := range d.rules.Promote(&s.Incident, e, d.now) {
			d.took(s, s.Promote(p.To, p.Why, e, d.terms(s), d.now))
		}
	}
}

// look does what is due by itself.
func (d *desk) look() {
	for _, s := range d.all {
		d.took(s, s.Look(s.last, d.terms(s), d.now))
	}
}

// check checks that each event is accounted for.
func (d *desk) check() {
	for _, s := range d.all {
		told := uint64(0)
		for n, notice := range s.notices {
			require.Equal(d.t, n+1, notice.Number)
			told += notice.Since
		}
		untold := s.Count - s.ToldCount
		require.Equal(d.t, s.Count, told+untold, "each event is counted in one notice, or in none yet")
		if untold > 0 {
			held := s.News.Reason != "" && s.Hold != nil
			require.True(d.t, held || !s.UpdateDue.IsZero() || s.Flapping != nil, "what is not told yet is held back, or due: %+v", s.Incident)
		}
		require.Equal(d.t, s.News.Reason != "", s.Hold != nil, "what is held back has a reason")
		if s.Hold != nil {
			require.True(d.t, slices.ContainsFunc(s.entries, func(e incident.Entry) bool { return e.Kind == incident.EntryHeldBack }))
		}
		for channel, verdicts := range s.verdicts {
			require.LessOrEqual(d.t, len(verdicts), len(s.notices), channel)
		}
	}
}

var sources = rapid.SampledFrom([]string{"a", "b", "c", "d"})

func (d *desk) draw(t *rapid.T) *alerting.Event {
	severity := rapid.SampledFrom([]alerting.Severity{alerting.SeverityWarning, alerting.SeverityError, alerting.SeverityCritical}).Draw(t, "severity")
	return d.event(sources.Draw(t, "source"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "message"), severity, rapid.IntRange(0, 3).Draw(t, "resolves") == 0)
}

func TestEachEventIsToldCountedOrHeldBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDesk(t)
		t.Repeat(map[string]func(*rapid.T){
			"an event": func(t *rapid.T) { d.fold(d.draw(t)) },
			"a batch": func(t *rapid.T) {
				var batch []*alerting.Event
				for range rapid.IntRange(2, 8).Draw(t, "size") {
					batch = append(batch, d.draw(t))
				}
				d.fold(batch...)
			},
			"time goes by": func(t *rapid.T) {
				d.now = d.now.Add(time.Duration(rapid.IntRange(1, 180).Draw(t, "seconds")) * time.Second)
				d.look()
			},
			"a clock is set back": func(t *rapid.T) {
				d.now = d.now.Add(-time.Duration(rapid.IntRange(1, 600).Draw(t, "seconds")) * time.Second)
				d.look()
			},
			"somebody acts": func(t *rapid.T) {
				if len(d.all) == 0 {
					return
				}
				s := rapid.SampledFrom(d.all).Draw(t, "incident")
				switch ada := (incident.Action{By: "ada"}); {
				case !s.Status.Open():
				case rapid.Bool().Draw(t, "resolves"):
					d.took(s, s.Resolve(ada, s.last, d.now))
				default:
					c, err := s.Acknowledge(ada, s.last, d.now)
					require.NoError(t, err)
					d.took(s, c)
				}
			},
			"somebody silences": func(t *rapid.T) {
				s, err := routing.NewSilence(routing.Silence{
					Condition: condition(sources.Draw(t, "silenced")), EndsAt: d.now.Add(time.Minute), By: "ada",
				}, d.now)
				require.NoError(t, err)
				d.standing = routing.NewStanding([]routing.Silence{s}, nil)
				for _, open := range d.open {
					if inhibitor, inhibits := d.rules.InhibitorOf(&open.Incident, routing.SubjectOf(open.last)); inhibits {
						d.standing.Inhibit(inhibitor)
					}
				}
			},
			"": func(*rapid.T) { d.check() },
		})
		// Once everything is over that holds back, all is told.
		d.standing = routing.NewStanding(nil, nil)
		for range 6 {
			d.now = d.now.Add(20 * time.Minute)
			d.look()
		}
		d.check()
		for _, s := range d.all {
			require.Nil(t, s.Hold, "nothing stays held back")
		}
	})
}

func TestOrderWithinABatchDoesNotChangeTheTotals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type plain struct {
			source, message string
			severity        alerting.Severity
		}
		batch := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) plain {
			return plain{
				sources.Draw(t, "source"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "message"),
				rapid.SampledFrom(alerting.Severities()).Draw(t, "severity"),
			}
		}), 1, 12).Draw(t, "batch")
		rules, err := routing.Compile(routing.Settings{
			Routes:     []routing.Route{{Name: "a", Condition: condition("a"), GroupBy: []string{"source"}, GroupWait: 10 * time.Second}},
			Promotions: []routing.Promotion{{Name: "often", Count: 3, Within: time.Minute, To: alerting.SeverityCritical}},
		}, nil, time.Minute, nil)
		require.NoError(t, err)
		totals := func(batch []plain) []string {
			d := &desk{t: t, rules: rules, standing: routing.NewStanding(nil, nil), throttle: &routing.Throttle{}, now: now, open: map[incident.Fingerprint]*story{}}
			for _, p := range batch {
				d.fold(d.event(p.source, p.message, p.severity, false))
			}
			var lines []string
			for _, s := range d.all {
				lines = append(lines, fmt.Sprintf("%s %d events, %s", s.Fingerprint, s.Count, s.Severity))
			}
			slices.Sort(lines)
			return lines
		}
		require.Equal(t, totals(batch), totals(rapid.Permutation(batch).Draw(t, "another order")))
	})
}
