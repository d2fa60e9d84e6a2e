package matcher_test

import (
	"fmt"

	"alertd/internal/alerting"
	"alertd/internal/matcher"
)

func Example() {
	risk, err := matcher.Condition{
		Match: matcher.Spec{MinSeverity: alerting.SeverityWarning, Source: []string{"var_*"}, Message: "(?i)limit"},
		Not:   matcher.Spec{Source: []string{"var_test"}},
	}.Compile()
	if err != nil {
		panic(err)
	}
	everything, err := matcher.Condition{}.Compile()
	if err != nil {
		panic(err)
	}
	fmt.Println(risk)
	fmt.Println(everything)

	routes := matcher.NewIndex([]*matcher.Matcher{risk, everything})
	for _, source := range []string{"var_gate", "var_test"} {
		event := matcher.Subject{Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: source, Message: "VaR limit breached"}
		fmt.Println(source, routes.Match(&event, nil))
	}
	fmt.Println(everything.Covers(risk), risk.Covers(everything))
	// Output:
	// severity is at least warning, source is var_*, message matches "(?i)limit", not source var_test
	// anything
	// var_gate [0 1]
	// var_test [1]
	// true false
}
