package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/routing"
	"alertd/internal/template"
)

func TestTemplatesOfRouteComeBeforeThoseOfTheChannel(t *testing.T) {
	story(t, func(t *testing.T) {
		slack := newReceiver("slack")
		c := slack.channel()
		c.Template = template.Spec{Title: "channel {{.Channel}}", Body: "{{.Severity}} of {{.Route | default `no route`}}"}
		d := start(t, c)
		d.settings.Routing.Routes = []routing.Route{{Name: "risk"}}
		d.settings.RouteTemplates = map[string]template.Spec{"risk": {Title: "route {{.Route}}"}}
		d.post(alerting.SeverityError, "without a route")
		wait(time.Second)
		d.reconfigure()
		d.post(alerting.SeverityError, "with a route")
		wait(time.Second)
		messages := slack.messages()
		require.Len(t, messages, 2)
		require.Equal(t, []string{"channel slack", "error of no route"}, []string{messages[0].n.Title, messages[0].n.Body})
		require.Equal(t, []string{"route risk", "error of risk"}, []string{messages[1].n.Title, messages[1].n.Body})
		require.False(t, slack.closed, "other words are no reason to open a channel anew")

		_, err := d.Engine.TestChannel(t.Context(), "slack")
		require.NoError(t, err)
		require.Equal(t, "channel slack", slack.messages()[2].n.Title, "a test shows what will arrive")
	})
}

func TestATemplateThatFailsIsToldAndCounted(t *testing.T) {
	story(t, func(t *testing.T) {
		slack := newReceiver("slack")
		c := slack.channel()
		c.Template = template.Spec{Title: "short", Body: "{{ range 9 }}{{ $.Message }}{{ end }}"}
		d := start(t, c)
		d.post(alerting.SeverityError, strings.Repeat("a", 8000))
		wait(time.Second)
		require.Len(t, slack.messages(), 1)
		n := slack.messages()[0].n
		require.Equal(t, incident.Opened, n.Notice.Reason)
		require.Equal(t, "body: it makes more than 65536 bytes of text", n.TemplateError)
		require.Equal(t, n.Notice.Incident.Message, n.Body)
		require.True(t, strings.HasPrefix(n.Title, "var_gate: aaa"), "one that fails takes the others along")
		require.Equal(t, 1, d.Meter.unworded)
	})
}

func TestAWrongTemplateChangesNothing(t *testing.T) {
	story(t, func(t *testing.T) {
		slack := newReceiver("slack")
		d := start(t, slack.channel())
		d.settings.RouteTemplates = map[string]template.Spec{"risk": {Body: "{{.Sverity}}"}}
		require.EqualError(t, d.Engine.Reconfigure(d.settings), "template of route risk: body: line 1: no field .Sverity, did you mean .Severity?")
		d.settings.Channels[0].Template = template.Spec{Body: "{{"}
		require.ErrorContains(t, d.Engine.Reconfigure(d.settings), "template of channel slack: body: line 1: ")
		require.False(t, slack.closed)
	})
}
