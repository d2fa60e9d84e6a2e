package tradingday

import (
	"time"

	"alertd/internal/alerting"
)

// Problem is what a person would want to hear of once.
type Problem struct {
	Name string
	// Explained says why nobody needs to be told; "": somebody does.
	Explained string
	// Severity is the highest of its alerts.
	Severity alerting.Severity
	// Begins is when its first alert is sent. If the severity is critical, it is when the
	// first critical one is: what people must hear of at once.
	Begins time.Duration
	Alerts int
}

// Problems returns what is wrong on a day, what begins first being first.
func Problems(alerts []Alert) []Problem {
	var problems []Problem
	byName := map[string]int{}
	for _, a := range alerts {
		n, known := byName[a.Problem]
		if !known {
			n = len(problems)
			byName[a.Problem] = n
			problems = append(problems, Problem{Name: a.Problem, Explained: a.Explained, Severity: a.Body.Severity, Begins: a.At})
		}
		p := &problems[n]
		p.Alerts++
		if a.Body.Severity > p.Severity {
			p.Severity = a.Body.Severity
			if p.Severity == alerting.SeverityCritical {
				p.Begins = a.At
			}
		}
	}
	return problems
}
