package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/template"
)

func TestChannelHasItsTemplates(t *testing.T) {
	c := requireGood(t, `
		[alerting.channels.slack.template]
		title = "{{ .Source }}: {{ .Message | truncate 80 }}"
		body = """
{{ .Message }}
{{ with .Digest }}{{ .Incidents }}{{ end }}"""
		[alerting.channels.email]
		template = { html = "<p>{{ .Message }}</p>" }
		[alerting.channels.console]
	`, nil)
	for name, want := range map[string]template.Spec{
		"slack":   {Title: "{{ .Source }}: {{ .Message | truncate 80 }}", Body: "{{ .Message }}\n{{ with .Digest }}{{ .Incidents }}{{ end }}"},
		"email":   {HTML: "<p>{{ .Message }}</p>"},
		"console": {},
	} {
		channel, found := c.Channel(name)
		require.True(t, found)
		require.Equal(t, want, channel.Template)
	}
	require.Equal(t, "<p>{{ .Message }}</p>", redactedText(c, "alerting", "channels", "email", "template", "html"), "a template is no secret")
	changed := requireGood(t, `
		[alerting.channels.slack.template]
		title = "{{ .Source }}"
		[alerting.channels.email]
		template = { html = "<p>{{ .Message }}</p>" }
		[alerting.channels.console]
	`, nil)
	require.Equal(t, []string{"alerting.channels.slack"}, c.Changed(changed))
}

func TestWrongTemplatesAreNamedByKeyLineAndField(t *testing.T) {
	requireProblems(t, `
		[alerting.channels.email.template]
		html = "<p>\n{{ .Mesage }}</p>"
		text = "x"
		[alerting.channels.logfile]
		template = "{{ .Message }}"
		[alerting.channels.pagerduty]
		template = { html = "<p>" }
		[alerting.channels.slack.template]
		title = "{{ .Sverity }}"
		body = """one
{{ range 1000000000 }}{{ end }}"""
		[alerting.channels.telegram]
		template = { title = 1 }
	`, nil,
		`alerting.channels.email.template.html: line 2: no field .Mesage, did you mean .Message?`,
		`alerting.channels.email.template.text: is not a known key, must be one of body, html, title`,
		`alerting.channels.logfile.template: is a string, must be a table`,
		`alerting.channels.pagerduty.template.html: is only for channels of kind email, this one is of kind pagerduty`,
		`alerting.channels.slack.template.body: line 2: it goes on for too long: a loop has too many turns, or a {{template}} never ends`,
		`alerting.channels.slack.template.title: line 1: no field .Sverity, did you mean .Severity?`,
		`alerting.channels.telegram.template.title: 1 is not allowed, must be a string`,
	)
}

func TestWrongTemplateFromTheEnvironmentIsNotShown(t *testing.T) {
	requireProblems(t, `
		[alerting.channels.slack.template]
		title = "{{ .Source }}\n${TITLE}"
		body = "${BODY}"
	`, env{"TITLE": "{{ .Secret123 }}", "BODY": "{{ .Severity }}"},
		`alerting.channels.slack.template.title: line 2: the template (not shown) is not valid`)
}
