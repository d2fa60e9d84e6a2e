package config

import (
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/heartbeat"
	"alertd/internal/watchdog"
)

const (
	// leastWatchdog is the shortest time between two messages of the watchdog. An idle
	// database proves itself every 10 s.
	leastWatchdog = 15 * time.Second
	// defaultWatchdog is that time unless the file says another.
	defaultWatchdog = time.Minute
)

// heartbeats is a setting: the components that must be heard of.
func heartbeats(name string, at *[]heartbeat.Spec) setting {
	return entries(name, at, readHeartbeat, func(s heartbeat.Spec) map[string]any {
		return map[string]any{
			"name": s.Name, "every": FormatDuration(s.Every), "grace": FormatDuration(s.Grace),
			"severity": s.Severity.String(), "category": s.Category.String(),
		}
	})
}

func readHeartbeat(t *table, name string) heartbeat.Spec {
	var every time.Duration
	t.duration("every", time.Second, 366*day, &every)
	t.needs("every", "the time between two pings, such as 1m")
	spec := heartbeat.NewSpec(name, every)
	t.duration("grace", 0, 366*day, &spec.Grace)
	t.severity("severity", &spec.Severity)
	t.category("category", &spec.Category)
	return spec
}

// category reads the name of a category.
func (t *table) category(name string, into *alerting.Category) {
	var text string
	if t.string(name, &text); t.values[name] == nil || text == "" && t.values[name] != "" {
		return
	}
	category, err := alerting.ParseCategory(text)
	if err != nil {
		t.r.problem(join(t.key, name), "%s is not one of %s", t.quote(name, text), strings.Join(categoryNames(), ", "))
		return
	}
	*into = category
}

// watchdogSettings are the keys of [alerting.watchdog].
func watchdogSettings(c *watchdog.Config) []setting {
	return []setting{
		secret("watchdog.url", &c.URL),
		duration("watchdog.every", leastWatchdog, day, &c.Every),
		secret("watchdog.proxy", &c.Outbound.Proxy),
		text("watchdog.ca_file", &c.Outbound.CAFile),
	}
}

// checkWatchdog reports what is wrong with the watchdog, and warns if it says that all is
// well while nobody is told of anything.
func (c *Config) checkWatchdog(t *table) {
	inner := t.r.table(t.values, t.key, "watchdog")
	inner.private = true
	if inner.validate(c.Watchdog); c.Watchdog.URL != "" && !c.Alerting.Enabled {
		c.Warnings = append(c.Warnings, join(t.key, "watchdog")+": is on and alerting is not: it says that alertd works, and nobody is told of anything")
	}
}
