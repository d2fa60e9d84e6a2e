package routing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

func TestDecideFollowsChannelSettings(t *testing.T) {
	about := func(name string) incident.Notice {
		n := notice(incident.Opened)
		n.Incident.Source, n.Incident.Grouping, n.Incident.Pattern = alerting.OwnSource, incident.ByDedupKey, delivery.ChannelKey(name)
		return n
	}
	for name, test := range map[string]struct {
		notice incident.Notice
		policy delivery.Policy
		told   bool
		why    string
	}{
		"everything that the settings allow": {notice: notice(incident.Opened), policy: policy("chat")},
		"nothing while it is off": {
			notice: notice(incident.Opened), policy: policy("chat", func(p *delivery.Policy) { p.Enabled = false }), told: true, why: "it is off",
		},
		"no severity below its own": {
			notice: notice(incident.Opened), policy: policy("chat", func(p *delivery.Policy) { p.MinSeverity = alerting.SeverityCritical }),
			why: "severity error is below its min_severity critical",
		},
		"its own severity": {
			notice: notice(incident.Opened), policy: policy("chat", func(p *delivery.Policy) { p.MinSeverity = alerting.SeverityError }),
		},
		"no other category": {
			notice: notice(incident.Updated),
			policy: policy("chat", func(p *delivery.Policy) { p.Categories = []alerting.Category{alerting.CategorySystemHealth} }),
			why:    "category risk_limit is not among its categories",
		},
		"its categories": {
			notice: notice(incident.Opened), policy: policy("chat", func(p *delivery.Policy) {
				p.Categories = []alerting.Category{alerting.CategorySystemHealth, alerting.CategoryRiskLimit}
			}),
		},
		"no other source": {
			notice: notice(incident.SeverityRaised), policy: policy("chat", func(p *delivery.Policy) { p.Sources = []string{"var"} }),
			why: "the source is not among its sources",
		},
		"its sources": {
			notice: notice(incident.Opened), policy: policy("chat", func(p *delivery.Policy) { p.Sources = []string{"x", "var_gate"} }),
		},
		"the rest of a story that it knows, whatever its filters": {
			notice: notice(incident.Updated), told: true, policy: policy("chat", func(p *delivery.Policy) {
				p.MinSeverity, p.Sources = alerting.SeverityCritical, []string{"x"}
			}),
		},
		"no acknowledgement of a story that it does not know": {
			notice: notice(incident.WasAcknowledged), policy: policy("chat"), why: "it was not told of the incident",
		},
		"no end of a story that it does not know": {
			notice: notice(incident.WasResolved), policy: policy("chat"), why: "it was not told of the incident",
		},
		"the acknowledgement of a story that it knows": {notice: notice(incident.WasAcknowledged), policy: policy("chat"), told: true},
		"the end of a story that it knows":             {notice: notice(incident.WasResolved), policy: policy("chat"), told: true},
		"no end if it does not want it": {
			notice: notice(incident.WasResolved), told: true, policy: policy("chat", func(p *delivery.Policy) { p.Resolved = false }),
			why: "resolved is false",
		},
		"an acknowledgement even so": {
			notice: notice(incident.WasAcknowledged), told: true, policy: policy("chat", func(p *delivery.Policy) { p.Resolved = false }),
		},
		"nothing about itself":               {notice: about("chat"), told: true, policy: policy("chat"), why: "it is what the incident is about"},
		"what other channels have to suffer": {notice: about("mail"), policy: policy("chat")},
		"alertd's own trouble, whatever its min_severity is": {
			notice: about("mail"), policy: policy("chat", func(p *delivery.Policy) { p.MinSeverity = alerting.SeverityCritical }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			heard := routing.HeardNothing
			if test.told {
				heard = routing.HeardItself
			}
			d := decide(t, test.notice, func(string) routing.Heard { return heard }, test.policy)
			require.Len(t, d.Targets, 1)
			want := "told to chat"
			if d.Targets[0].Verdict != routing.Send {
				require.Equal(t, routing.NotAsked, d.Targets[0].Verdict)
				want = "told to nobody; not to chat (" + test.why + ")"
			}
			require.Equal(t, test.why == "", d.Targets[0].Verdict == routing.Send)
			require.Equal(t, want, d.String())
		})
	}
}

func TestDecisionsExplainThemselves(t *testing.T) {
	until := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	chat, mail := routing.Target{Channel: "chat", Verdict: routing.Send}, routing.Target{Channel: "mail", Target: "ada@example.com", Verdict: routing.Send}
	off := routing.Target{Channel: "chat", Verdict: routing.NotAsked, Cause: routing.ChannelOff}
	for want, decisions := range map[string][]routing.Target{
		"told to nobody: no channel is for it":                     nil,
		"told to chat, mail to ada@example.com":                    {chat, mail},
		"told to mail to ada@example.com; not to chat (it is off)": {off, mail},
		"told to nobody; not to chat (it is off), page (resolved is false)": {
			off, {Channel: "page", Verdict: routing.NotAsked, Cause: routing.NoResolutions},
		},
		"told to chat at 2026-03-02T10:00:00.000000Z": {{Channel: "chat", Verdict: routing.Hold, Until: until}},
		"in a digest to chat (over the rate_limit of route x); not to page (held back by silence 7)": {
			{Channel: "chat", Verdict: routing.InDigest, Cause: routing.OverLimit, By: "the rate_limit of route x"}, {Channel: "page", Verdict: routing.HeldBack, Cause: routing.HeldAsAWhole, By: "silence 7"},
		},
		"told to nobody; not to chat (a newer cause)": {{Channel: "chat", Verdict: routing.NotAsked, Cause: "a newer cause"}},
	} {
		require.Equal(t, want, routing.Decision{Targets: decisions}.String())
	}
}

func TestDecideCoversEachTargetOnceWithACause(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := notice(rapid.SampledFrom([]incident.Reason{
			incident.Opened, incident.SeverityRaised, incident.Updated, incident.WasAcknowledged, incident.WasResolved,
		}).Draw(t, "reason"))
		n.Incident.Severity = rapid.SampledFrom(alerting.Severities()).Draw(t, "severity")
		var policies []delivery.Policy
		told := map[string]bool{}
		for _, name := range []string{"a", "b", "c", "d"} {
			p := policy(name)
			p.Enabled, p.Resolved = rapid.Bool().Draw(t, "enabled"), rapid.Bool().Draw(t, "resolved")
			p.MinSeverity = rapid.SampledFrom(alerting.Severities()).Draw(t, "min_severity")
			policies, told[name] = append(policies, p), rapid.Bool().Draw(t, "told")
		}
		decision := decide(t, n, func(channel string) routing.Heard {
			if told[channel] {
				return routing.HeardItself
			}
			return routing.HeardNothing
		}, policies...)
		require.Len(t, decision.Targets, len(policies))
		for i, d := range decision.Targets {
			require.Equal(t, policies[i].Name, d.Channel)
			require.Equal(t, d.Verdict == routing.Send, d.Cause == "")
			require.True(t, policies[i].Enabled || d.Verdict != routing.Send)
			if d.Verdict == routing.Send && !told[d.Channel] {
				require.GreaterOrEqual(t, n.Incident.Severity, policies[i].MinSeverity, "nobody hears first of what is too little")
				require.True(t, n.Reason.Introduces(), "nobody hears first that it is over")
			}
			require.Contains(t, decision.String(), d.Channel)
		}
	})
}

func TestLimitOfARouteBoundsItsChannelsAlone(t *testing.T) {
	limited := delivery.Rate{Count: 1, Per: time.Hour}
	rules, err := routing.Compile(routing.Settings{Routes: []routing.Route{
		{Name: "audit", Channels: []string{"archive"}, RateLimit: limited, Continue: true}, {Name: "risk", Channels: []string{"page"}},
	}}, []delivery.Policy{policy("archive"), policy("page")}, time.Hour, nil)
	require.NoError(t, err)
	n, throttle := notice(incident.Opened), &routing.Throttle{Now: now}
	path := rules.PathOf(routing.SubjectAbout(&n.Incident, nil), now)
	for _, want := range []string{
		"told to archive, page (route audit)",
		"told to page; in a digest to archive (over the rate_limit of route audit) (route audit)",
	} {
		d := rules.Decide(n, path, func(string, string) routing.Heard { return routing.HeardNothing }, throttle)
		require.Equal(t, want, d.String())
	}
}
