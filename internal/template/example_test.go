package template_test

import (
	"fmt"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
	"alertd/internal/template"
)

func Example() {
	words, err := template.New(template.Spec{
		Title: `{{ .Source }}: {{ .Message | truncate 20 }}`,
		Body:  `{{ plural "event" "events" .NewEvents }} since the last message{{ with .Context.portfolio }}, portfolio {{ . }}{{ end }}`,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	n := channel.Render("019b5f2c-8000-7000-8000-000000000001", template.Sample(incident.Updated, template.SampleEvent(alerting.SeverityCritical)), "")
	n = words.Apply(n)
	fmt.Println(n.Title)
	fmt.Println(n.Body)

	_, err = template.New(template.Spec{Title: "{{ .Sverity }}"})
	fmt.Println(err)
	// Output:
	// var_gate: VaR limit breached:…
	// 41 events since the last message, portfolio EQ-LS-1
	// title: line 1: no field .Sverity, did you mean .Severity?
}
