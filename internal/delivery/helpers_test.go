package delivery_test

import (
	"time"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

// now is when a test decides.
var now = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

// notice is one about an incident of a risk component.
func notice(reason incident.Reason) incident.Notice {
	return incident.Notice{Number: 3, Reason: reason, Incident: incident.Incident{
		Number: 12, Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: "var_gate",
		Grouping: incident.ByMessage, Pattern: "VaR # > #",
	}}
}

// policy is one that lets everything pass.
func policy(name string, changes ...func(p *delivery.Policy)) delivery.Policy {
	p := delivery.DefaultPolicy()
	p.Name, p.Enabled = name, true
	for _, change := range changes {
		change(&p)
	}
	return p
}
