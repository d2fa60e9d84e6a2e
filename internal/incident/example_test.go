package incident_test

import (
	"fmt"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// received returns the event of an alert received at a time.
func received(seq alerting.Seq, severity alerting.Severity, message string, at time.Time) *alerting.Event {
	draft, err := alerting.NewDraft(alerting.Alert{
		Severity: severity, Category: alerting.CategoryRiskLimit, Source: "var_gate", Message: message,
	}, at)
	if err != nil {
		panic(err)
	}
	return draft.Finish(seq)
}

func Example() {
	at := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	first := received(7, alerting.SeverityWarning, "VaR 0.05 > 0.03", at)
	i, change := incident.Open(incident.NewID(), 1, incident.KeyOf(first, incident.GroupBy{}), first, incident.Terms{}, at)
	fmt.Println(change.Notice.Reason, "-", change.Notice.Why)

	change = i.Add(received(8, alerting.SeverityWarning, "VaR 0.06 > 0.03", at), incident.Terms{Repeat: time.Hour}, at.Add(time.Minute))
	fmt.Println("told:", change.Notice != nil)

	change = i.Look(nil, terms, at.Add(time.Hour))
	fmt.Println(change.Notice.Reason, "-", change.Notice.Why)

	change = i.Add(received(9, alerting.SeverityCritical, "VaR 0.09 > 0.03", at), incident.Terms{Repeat: time.Hour}, at.Add(2*time.Hour))
	fmt.Println(change.Notice.Reason, "-", change.Notice.Why)

	change = i.Resolve(incident.Action{By: "ada"}, nil, at.Add(3*time.Hour))
	fmt.Println(change.Notice.Reason, "-", change.Notice.Why)
	// Output:
	// opened - opened by event 7: warning from var_gate
	// told: false
	// updated - still open: 1 event since 2026-03-02T09:30:00.000000Z, 2 in all
	// severity_raised - severity rose from warning to critical by event 9
	// resolved - resolved by ada
}

func ExampleMask() {
	fmt.Println(incident.Mask("VaR limit of desk7 breached: 0.0512 > 0.03"))
	fmt.Println(incident.Mask("order 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55 rejected after 1m30s"))
	// Output:
	// VaR limit of desk7 breached: # > #
	// order # rejected after #
}

func ExampleKeyOf() {
	key := incident.KeyOf(received(7, alerting.SeverityWarning, "VaR 0.05 > 0.03", time.Now()), incident.GroupBy{})
	fmt.Println(key.Grouping, key.Pattern)
	// Output: message VaR # > #
}
