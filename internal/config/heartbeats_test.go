package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel/outbound"
	"alertd/internal/heartbeat"
	"alertd/internal/watchdog"
)

func TestHeartbeats(t *testing.T) {
	require.Empty(t, requireGood(t, "", nil).Heartbeats)
	c := requireGood(t, `
[[alerting.heartbeats]]
name = "var-engine"
every = "1m"
[[alerting.heartbeats]]
name = "${FEED}"
every = "2h"
grace = "0"
severity = "${LOUD}"
category = "Data_Quality"
`, env{"FEED": "feed", "LOUD": "warn"})
	require.Equal(t, []heartbeat.Spec{
		heartbeat.NewSpec("var-engine", time.Minute),
		{Name: "feed", Every: 2 * time.Hour, Severity: alerting.SeverityWarning, Category: alerting.CategoryDataQuality},
	}, c.Heartbeats)
}

func TestWrongHeartbeatIsReported(t *testing.T) {
	const duration = " such as 500ms, 30s, 15m, 8h or 90d"
	for lines, want := range map[string]string{
		`every = "1m"`:                                 `.name: is missing`,
		`name = "a b"` + "\n" + `every = "1m"`:         `.name: "a b" is not allowed, must be 1 to 64 letters, digits, dots, underscores, at signs and dashes, the first a letter or a digit`,
		`name = "a"`:                                   `.every: is missing, must be the time between two pings, such as 1m`,
		`name = "a"` + "\n" + `every = 60`:             `.every: 60 is not allowed, must be a duration from 1s to 366d` + duration,
		`name = "a"` + "\n" + `every = "999ms"`:        `.every: "999ms" is not allowed, must be a duration from 1s to 366d` + duration,
		good + `grace = "-1s"`:                         `.grace: "-1s" is not allowed, must be a duration from 0 to 366d` + duration,
		good + `severity = "loud"`:                     `.severity: "loud" is not one of debug, info, warning, error, critical`,
		good + `category = "weather"`:                  `.category: "weather" is not one of risk_limit, position_violation, execution_error, data_quality, system_health, compliance, performance, other`,
		good + `category = "${SECRET}"`:                `.category: the value (not shown) is not one of risk_limit, position_violation, execution_error, data_quality, system_health, compliance, performance, other`,
		good + `category = 5`:                          `.category: 5 is not allowed, must be a string`,
		good + `grase = "1s"`:                          `.grase: is not a known key, did you mean grace?`,
		good + "[[alerting.heartbeats]]\n" + good:      `[1].name: is also that of alerting.heartbeats[0], must be another one`,
		good + "[[alerting.heartbeats]]\nevery = '1m'": `[1].name: is missing`,
	} {
		if !strings.HasPrefix(want, "[") {
			want = "[0]" + want
		}
		requireProblems(t, "[[alerting.heartbeats]]\n"+lines, env{"SECRET": marker}, "alerting.heartbeats"+want)
	}
	requireProblems(t, "[alerting]\nheartbeats = 'x'", nil, "alerting.heartbeats: is a string, must be tables, each beginning with [[alerting.heartbeats]]")
	var many strings.Builder
	for i := range 1001 {
		fmt.Fprintf(&many, "[[alerting.heartbeats]]\nname = 'h%d'\nevery = '1m'\n", i)
	}
	requireProblems(t, many.String(), nil, "alerting.heartbeats: has 1001 entries, must have at most 1000")
}

const good = "name = \"a\"\nevery = \"1m\"\n"

func TestWatchdog(t *testing.T) {
	require.Equal(t, watchdog.Config{Every: time.Minute}, requireGood(t, "", nil).Watchdog)
	require.Equal(t, watchdog.Config{Every: time.Minute}, requireGood(t, "[alerting.watchdog]\nurl = '${URL:-}'", nil).Watchdog)
	c := requireGood(t, "[alerting]\nenabled = true\n[alerting.watchdog]\nurl = '${URL}'\nevery = '15s'\nproxy = 'http://proxy.example.com'\n"+consoleOn,
		env{"URL": "https://hc.example.com/x"})
	require.Equal(t, watchdog.Config{
		URL: "https://hc.example.com/x", Every: 15 * time.Second, Outbound: outbound.Config{Proxy: "http://proxy.example.com"},
	}, c.Watchdog)
	require.Empty(t, c.Warnings)

	requireProblems(t, "[alerting.watchdog]\nurl = '${URL}'", env{"URL": "s3cr3t"},
		"alerting.watchdog.url: the value (not shown) is not allowed, must be a URL with http or https and a host, such as https://example.com/path")
	requireProblems(t, "[alerting.watchdog]\nevery = '14s'\nrul = 'x'", nil,
		`alerting.watchdog.every: "14s" is not allowed, must be a duration from 15s to 1d such as 500ms, 30s, 15m, 8h or 90d`,
		"alerting.watchdog.rul: is not a known key, did you mean url?")
}

func TestWatchdogWhileNobodyIsToldMakesAWarning(t *testing.T) {
	c := requireGood(t, "[alerting]\n[alerting.watchdog]\nurl = 'https://hc.example.com/x'", nil)
	require.Equal(t, []string{"alerting.watchdog: is on and alerting is not: it says that alertd works, and nobody is told of anything"}, c.Warnings)
}

func TestReloadTakesOverHeartbeatsAndWatchdogAtOnce(t *testing.T) {
	before := requireGood(t, "[alerting]\n[[alerting.heartbeats]]\n"+good, nil)
	after := requireGood(t, "[alerting]\n[alerting.watchdog]\nurl = 'https://hc.example.com/x'\n", nil)
	require.Equal(t, []string{"alerting.heartbeats", "alerting.watchdog.url"}, before.Changed(after))
	require.Empty(t, before.RestartRequired(after))
	require.Equal(t, after.Heartbeats, before.Reload(after).Heartbeats)
}
