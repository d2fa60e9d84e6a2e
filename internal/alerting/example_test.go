package alerting_test

import (
	"context"
	"fmt"

	"alertd/internal/alerting"
)

// A risk component registers an alert, and a dashboard asks for it.
func ExampleManager() {
	config := alerting.DefaultConfig()
	manager, err := alerting.NewManager(config, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	details, err := alerting.ParseContext([]byte(`{"current_var": 0.05, "limit": 0.03}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := manager.Register(context.Background(), alerting.Alert{
		Severity: alerting.SeverityError,
		Category: alerting.CategoryRiskLimit,
		Source:   "var_gate",
		Message:  "VaR limit breached: 0.0500 > 0.0300",
		Context:  details,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Outcome, result.Event.Seq())

	page := manager.RecentEvents(alerting.Query{
		Limit:  10,
		Filter: alerting.Filter{MinSeverity: alerting.SeverityWarning, Sources: []string{"var_gate", "stress_gate"}},
	})
	for _, event := range page.Events {
		fmt.Println(event.Severity(), event.Message(), event.Context())
	}
	fmt.Println(manager.Stats().BySeverity[alerting.SeverityError])
	// Output:
	// registered 1
	// error VaR limit breached: 0.0500 > 0.0300 {"current_var": 0.05, "limit": 0.03}
	// 1
}

// An alert as a client sends it, and what is wrong with it.
func ExampleDecodeAlert() {
	_, err := alerting.DecodeAlert([]byte(`{"severity": "loud", "category": "risk_limit", "source": "var_gate", "message": "breach"}`))
	fmt.Println(err)
	// Output:
	// severity: "loud" is not one of the known values, must be one of debug, info, warning, error, critical
}
