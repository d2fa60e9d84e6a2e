// Package routingtest makes the settings and the alerts of a large desk, of any size, for
// benchmarks. Only tests import it.
//
// Its gates each watch five positions and say again and again that a limit is near, so that
// there are five open incidents a gate: see [Alert]. Most routes and all silences name
// sources, as those that people write do. [Halt] opens what inhibits.
package routingtest

import (
	"fmt"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/matcher"
	"alertd/internal/routing"
)

// positions is how many positions each gate watches.
const positions = 5

// Settings returns settings with so many routes and inhibitions. Every alert has a route.
func Settings(routes, inhibitions int) routing.Settings {
	var s routing.Settings
	for n := range routes {
		r := routing.Route{
			Name: fmt.Sprintf("route-%d", n), Condition: routeCondition(n), GroupWait: 10 * time.Second,
			RepeatInterval: 2 * time.Hour, ResolveAfter: time.Hour,
		}
		if n == routes-1 { // the rest
			r.Condition = matcher.Condition{}
		}
		s.Routes = append(s.Routes, r)
	}
	for n := range inhibitions {
		s.Inhibitions = append(s.Inhibitions, routing.Inhibition{
			Name:  fmt.Sprintf("halted-%d", n),
			While: matcher.Condition{Match: matcher.Spec{Source: []string{switchName(n)}, MinSeverity: alerting.SeverityCritical}},
			Hold: matcher.Condition{Match: matcher.Spec{
				Source: []string{fmt.Sprintf("gate_%03d", 7*n), fmt.Sprintf("strategy_%02d_*", n)}, Category: []alerting.Category{alerting.CategoryRiskLimit},
			}},
			Equal: []string{"venue"},
		})
	}
	return s
}

// routeCondition returns what a route matches: mostly sources, by name or by the beginning
// of a name, sometimes all that is about something rare.
func routeCondition(n int) matcher.Condition {
	switch n % 5 {
	case 0:
		return matcher.Condition{Match: matcher.Spec{Source: []string{fmt.Sprintf("gate_%03d", n), fmt.Sprintf("gate_%03d", n+1)}}}
	case 1:
		return matcher.Condition{Match: matcher.Spec{Source: []string{fmt.Sprintf("desk_%02d_*", n)}, MinSeverity: alerting.SeverityWarning}}
	case 2:
		return matcher.Condition{Match: matcher.Spec{
			Source: []string{fmt.Sprintf("gate_%03d*", n)}, Context: map[string]string{"position": "BOOK-1*"},
		}}
	case 3:
		return matcher.Condition{Match: matcher.Spec{
			Category: []alerting.Category{alerting.CategoryExecutionError, alerting.CategoryCompliance}, Source: []string{fmt.Sprintf("strategy_%02d_*", n)},
		}}
	}
	return matcher.Condition{
		Match: matcher.Spec{Source: []string{fmt.Sprintf("gate_%03d*", n)}, Message: "(?i)var (limit|gate)"},
		Not:   matcher.Spec{Source: []string{"gate_*_test"}},
	}
}

// Silences returns so many silences, which begin at a time and last for a day. Each holds
// back one position of a gate.
func Silences(count int, now time.Time) []routing.Silence {
	silences := make([]routing.Silence, count)
	for n := range silences {
		silences[n] = routing.Silence{
			ID: fmt.Sprintf("00000000-0000-7000-8000-%012d", n), StartsAt: now, EndsAt: now.Add(24 * time.Hour), By: "ada", Comment: "known",
			Condition: matcher.Condition{Match: matcher.Spec{
				Source: []string{fmt.Sprintf("gate_%03d", n)}, Context: map[string]string{"position": fmt.Sprintf("BOOK-%d", n%positions)},
			}},
		}
	}
	return silences
}

// Alert returns the alert of a number. There are as many incidents as asked for.
func Alert(n, incidents int) alerting.Alert {
	of := n % incidents
	return alerting.Alert{
		Severity: alerting.SeverityWarning, Category: alerting.CategoryRiskLimit, Source: fmt.Sprintf("gate_%03d", of/positions),
		Message: fmt.Sprintf("VaR of the book is at %d.%d %% of its limit", 80+n%19, n%10),
		Context: contextOf(`{"position":"BOOK-%d","venue":"X%03d","used":%d}`, of%positions, of%10, n%100),
	}
}

// Halt returns the alert by which an inhibition holds back.
func Halt(n int) alerting.Alert {
	return alerting.Alert{
		Severity: alerting.SeverityCritical, Category: alerting.CategoryRiskLimit, Source: switchName(n), Message: "Trading is halted",
		Context: contextOf(`{"venue":"X%03d"}`, n%10),
	}
}

func contextOf(format string, args ...any) alerting.Context {
	c, err := alerting.ParseContext(fmt.Appendf(nil, format, args...))
	if err != nil { // it is ours, and valid
		panic(err)
	}
	return c
}

func switchName(n int) string { return fmt.Sprintf("kill_switch_%02d", n) }
