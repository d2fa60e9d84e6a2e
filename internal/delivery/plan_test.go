package delivery_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

func TestAChannelIsToldOfWhatItsSettingsLetPass(t *testing.T) {
	about := func(name string) incident.Notice {
		n := notice(incident.Opened)
		n.Incident.Source, n.Incident.Grouping, n.Incident.Pattern = delivery.OwnSource, incident.ByDedupKey, delivery.ChannelKey(name)
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
	} {
		t.Run(name, func(t *testing.T) {
			targets := delivery.Plan(test.notice, []delivery.Policy{test.policy}, map[string]bool{"chat": test.told})
			require.Equal(t, []delivery.Target{{Channel: "chat", Told: test.why == "", Why: test.why}}, targets)
		})
	}
}

func TestAPlanExplainsItself(t *testing.T) {
	for want, targets := range map[string][]delivery.Target{
		"told to nobody: there are no channels": nil,
		"told to chat, mail":                    {{Channel: "chat", Told: true}, {Channel: "mail", Told: true}},
		"told to mail; not to chat (it is off)": {{Channel: "chat", Why: "it is off"}, {Channel: "mail", Told: true}},
		"told to nobody; not to chat (it is off), mail (resolved is false)": {
			{Channel: "chat", Why: "it is off"}, {Channel: "mail", Why: "resolved is false"},
		},
	} {
		require.Equal(t, want, delivery.Explain(targets))
	}
}

func TestAPlanHasEachChannelOnceInItsOrderAndAReasonForSilence(t *testing.T) {
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
		targets := delivery.Plan(n, policies, told)
		require.Len(t, targets, len(policies))
		for i, target := range targets {
			require.Equal(t, policies[i].Name, target.Channel)
			require.Equal(t, target.Told, target.Why == "")
			require.True(t, policies[i].Enabled || !target.Told)
			if target.Told && !told[target.Channel] {
				require.GreaterOrEqual(t, n.Incident.Severity, policies[i].MinSeverity, "nobody hears first of what is too little")
				require.True(t, n.Reason.Introduces(), "nobody hears first that it is over")
			}
			require.Contains(t, delivery.Explain(targets), target.Channel)
		}
	})
}

func TestAFailureIsRaisedAsAnAlertUnlessItIsAboutAlertdItself(t *testing.T) {
	d := delivery.Delivery{Channel: "chat", Reason: incident.WasResolved}
	i := notice(incident.Opened).Incident
	alert, raise := delivery.GivenUp(d, i, "403 invalid_token")
	require.True(t, raise)
	require.Equal(t, alerting.Alert{
		Severity: alerting.SeverityError, Category: alerting.CategorySystemHealth, Source: "alertd", DedupKey: "alertd.channel.chat",
		Message: "channel chat: a message about incident 12 (resolved) was not delivered: 403 invalid_token",
	}, alert)
	_, err := alerting.NewDraft(alert, now)
	require.NoError(t, err)
	i.Source = delivery.OwnSource
	alert, raise = delivery.GivenUp(d, i, "403")
	require.False(t, raise)
	require.Zero(t, alert)
}
