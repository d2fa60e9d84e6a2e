package config

import (
	"strings"
	"time"

	"alertd/internal/access"
	"alertd/internal/alerting"
	"alertd/internal/heartbeat"
	"alertd/internal/watchdog"
)

const (
	// maxHeartbeats is how many heartbeats there may be: each check reads all of them.
	maxHeartbeats = 1000
	// leastWatchdog is the shortest time between two messages of the watchdog. An idle
	// database proves itself every 10 s.
	leastWatchdog = 15 * time.Second
	// defaultWatchdog is that time unless the file says another.
	defaultWatchdog = time.Minute
)

// heartbeats is a setting: the components that must be heard of.
func heartbeats(name string, at *[]heartbeat.Spec) setting {
	read := func(t *table, name string) {
		seen := map[string]string{}
		for _, entry := range t.tables(name) {
			entry.private = true
			spec := readHeartbeat(entry)
			if first := seen[spec.Name]; first != "" && spec.Name != "" {
				t.r.problem(join(entry.key, "name"), "is also that of %s, must be of a heartbeat of its own", first)
			}
			seen[spec.Name] = entry.key
			*at = append(*at, spec)
		}
		if len(*at) > maxHeartbeats {
			t.r.problem(join(t.key, name), "has %d heartbeats, must have at most %d", len(*at), maxHeartbeats)
		}
	}
	show := func() any {
		shown := make([]any, 0, len(*at))
		for _, s := range *at {
			shown = append(shown, map[string]any{
				"name": s.Name, "every": FormatDuration(s.Every), "grace": FormatDuration(s.Grace),
				"severity": s.Severity.String(), "category": s.Category.String(),
			})
		}
		return shown
	}
	return setting{name: name, private: true, value: at, read: read, show: show}
}

func readHeartbeat(t *table) heartbeat.Spec {
	var name string
	if t.string("name", &name); !t.given("name") {
		t.r.problem(join(t.key, "name"), "is missing")
	} else if !access.ValidName(name) {
		t.problem("name", name, "1 to 64 letters, digits, dots, underscores, at signs and dashes, the first a letter or a digit")
	}
	var every time.Duration
	if t.duration("every", time.Second, 366*day, &every); !t.given("every") {
		t.r.problem(join(t.key, "every"), "is missing, must be the time between two pings, such as 1m")
	}
	spec := heartbeat.NewSpec(name, every)
	t.duration("grace", 0, 366*day, &spec.Grace)
	t.severity("severity", &spec.Severity)
	t.category("category", &spec.Category)
	t.done()
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
