package delivery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
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
			decisions := delivery.Decide(test.notice, []delivery.Policy{test.policy}, func(string, string) bool { return test.told })
			require.Len(t, decisions, 1)
			want := "told to chat"
			if decisions[0].Verdict != delivery.Send {
				require.Equal(t, delivery.NotAsked, decisions[0].Verdict)
				want = "told to nobody; not to chat (" + test.why + ")"
			}
			require.Equal(t, test.why == "", decisions[0].Verdict == delivery.Send)
			require.Equal(t, want, delivery.Explain(decisions))
		})
	}
}

func TestDecisionsExplainThemselves(t *testing.T) {
	until := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	chat, mail := delivery.Decision{Channel: "chat", Verdict: delivery.Send}, delivery.Decision{Channel: "mail", Target: "ada@example.com", Verdict: delivery.Send}
	off := delivery.Decision{Channel: "chat", Verdict: delivery.NotAsked, Cause: delivery.ChannelOff}
	for want, decisions := range map[string][]delivery.Decision{
		"told to nobody: there are no channels":                    nil,
		"told to chat, mail to ada@example.com":                    {chat, mail},
		"told to mail to ada@example.com; not to chat (it is off)": {off, mail},
		"told to nobody; not to chat (it is off), page (resolved is false)": {
			off, {Channel: "page", Verdict: delivery.NotAsked, Cause: delivery.NoResolutions},
		},
		"told to chat at 2026-03-02T10:00:00.000000Z": {{Channel: "chat", Verdict: delivery.Hold, Until: until}},
		"told to nobody; not to chat in its next digest, page (held back by silence 7)": {
			{Channel: "chat", Verdict: delivery.InDigest}, {Channel: "page", Verdict: delivery.HeldBack, By: "silence 7"},
		},
		"told to nobody; not to chat (a newer cause)": {{Channel: "chat", Verdict: delivery.NotAsked, Cause: "a newer cause"}},
	} {
		require.Equal(t, want, delivery.Explain(decisions))
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
		decisions := delivery.Decide(n, policies, func(channel, _ string) bool { return told[channel] })
		require.Len(t, decisions, len(policies))
		for i, d := range decisions {
			require.Equal(t, policies[i].Name, d.Channel)
			require.Equal(t, d.Verdict == delivery.Send, d.Cause == "")
			require.True(t, policies[i].Enabled || d.Verdict != delivery.Send)
			if d.Verdict == delivery.Send && !told[d.Channel] {
				require.GreaterOrEqual(t, n.Incident.Severity, policies[i].MinSeverity, "nobody hears first of what is too little")
				require.True(t, n.Reason.Introduces(), "nobody hears first that it is over")
			}
			require.Contains(t, delivery.Explain(decisions), d.Channel)
		}
	})
}

func TestFailuresOfOneChannelAreOneAlert(t *testing.T) {
	failure := func(number incident.Number, source string) delivery.Failure {
		return delivery.Failure{Source: source, Delivery: delivery.Delivery{Channel: "chat", Incident: number, Reason: incident.WasResolved, Error: "403 invalid_token"}}
	}
	own := failure(11, alerting.OwnSource)
	alert, raise := delivery.GivenUp([]delivery.Failure{own, failure(12, "var_gate")})
	require.True(t, raise)
	require.Equal(t, alerting.Alert{
		Severity: alerting.SeverityError, Category: alerting.CategorySystemHealth, Source: "alertd", DedupKey: "alertd.channel.chat",
		Message: "channel chat: a message about incident 12 (resolved) was not delivered: 403 invalid_token",
	}, alert)
	alert, raise = delivery.GivenUp([]delivery.Failure{failure(12, "var_gate"), own, failure(13, "feed")})
	require.True(t, raise)
	require.Equal(t, "channel chat: 2 messages were not delivered, the first about incident 12 (resolved): 403 invalid_token", alert.Message)
	_, raise = delivery.GivenUp([]delivery.Failure{own, own})
	require.False(t, raise, "a message about alertd itself that fails is no cause for another")
}
