package template_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
	"alertd/internal/template"
)

// message returns a message about the sample alert.
func message(reason incident.Reason) channel.Notification {
	n := channel.Render("019b5f2c-8000-7000-8000-000000000001", template.Sample(reason, template.SampleEvent(alerting.SeverityCritical)), "https://alertd.example.com")
	n.Channel = "slack"
	return n
}

func parsed(tb testing.TB, spec template.Spec) *template.Template {
	tb.Helper()
	t, err := template.New(spec)
	require.NoError(tb, err)
	return t
}

// body returns what a template makes of a message for its body.
func body(tb testing.TB, source string, reason incident.Reason) string {
	tb.Helper()
	n := parsed(tb, template.Spec{Body: source}).Apply(message(reason))
	require.Empty(tb, n.TemplateError)
	return n.Worded.Body
}
