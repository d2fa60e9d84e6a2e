package config_test

import (
	"fmt"
	"time"

	"alertd/internal/config"
)

// The effective configuration holds no secrets and may be shown.
func ExampleParse() {
	c, err := config.Parse([]byte(`
[alerting]
min_severity = "error"
identify_by = ["position"]

[alerting.channels.slack]
webhook_url = "${SLACK_WEBHOOK_URL}"
channel = "#risk"
`), config.Options{LookupEnv: func(name string) (string, bool) {
		return "https://hooks.slack.com/services/T0/B0/x", name == "SLACK_WEBHOOK_URL"
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Server.Listen, c.Alerting.MinSeverity)
	alerting, _ := c.Redacted()["alerting"].(map[string]any)
	fmt.Println(alerting["channels"], alerting["repeat_interval"])
	// Output:
	// 127.0.0.1:8080 error
	// map[slack:map[channel:#risk webhook_url:<secret>]] 1h
}

// All problems are reported at once, with the allowed values.
func ExampleProblems() {
	_, err := config.Parse([]byte(`
[alerting]
min_severity = "loud"
bufer_size = 500

[alerting.channels.slack]
webhook_url = "${SLACK_WEBHOOK_URL}"
`), config.Options{LookupEnv: func(string) (string, bool) { return "", false }})
	fmt.Println(err)
	// Output:
	// alerting.bufer_size: is not a known key, did you mean buffer_size?
	// alerting.channels.slack.webhook_url: environment variable SLACK_WEBHOOK_URL is not set
	// alerting.min_severity: "loud" is not one of debug, info, warning, error, critical
}

func ExampleFormatDuration() {
	fmt.Println(config.FormatDuration(36 * time.Hour))
	// Output:
	// 36h
}
