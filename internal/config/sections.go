package config

import (
	"maps"
	"slices"
	"time"

	"github.com/agnivade/levenshtein"

	"alertd/internal/alerting"
	"alertd/internal/calendar"
	"alertd/internal/routing"
)

// read fills the configuration from the file's root table. tables are the names of the
// tables that may be the alerting section.
func (c *Config) read(r *reader, root map[string]any, tables []string, options Options) {
	section := options.Section
	c.Server, c.Storage, c.Alerting = defaultServer(), defaultStorage(), alerting.DefaultConfig()
	c.readServer(r.table(root, "", "server"), options)
	c.Storage.read(r.table(root, "", "storage"))
	top := &table{r: r, values: root, known: []string{"server", "storage", section}}
	switch _, exists := root[section]; {
	case section == "server" || section == "storage":
		r.problem(section, "cannot be the alerting section, its name is taken")
	case section != defaultSection && !exists:
		r.problem(join("", section), "is not a section of the file%s", suggestion(section, tables))
		top.known = append(top.known, tables...) // one of them may be what was meant
	default:
		c.readAlerting(r.table(root, "", section))
	}
	if section != defaultSection {
		top.known = append(top.known, defaultSection) // left alone
	}
	top.done()
}

// typoDistance is the edit distance up to which a name counts as one of ours, mistyped.
const typoDistance = 2

// dropForeign removes the tables that are not alertd's and returns their keys. The file may
// be a larger application's. A mistyped name of ours stays and becomes an unknown key.
func dropForeign(root map[string]any, section string) []string {
	ours := []string{"server", "storage", section, defaultSection}
	var foreign []string
	for _, name := range slices.Sorted(maps.Keys(root)) {
		like := func(our string) bool { return levenshtein.ComputeDistance(name, our) <= typoDistance }
		if isTable(root[name]) && !slices.ContainsFunc(ours, like) {
			foreign = append(foreign, join("", name))
			delete(root, name)
		}
	}
	return foreign
}

// isTable reports whether a value is a table, or an array of tables.
func isTable(value any) bool {
	if list, ok := value.([]any); ok && len(list) > 0 {
		value = list[0]
	}
	_, ok := value.(map[string]any)
	return ok
}

// sections returns the names of the tables that may be the alerting section.
func sections(root map[string]any) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(root)) {
		if _, isTable := root[name].(map[string]any); isTable && name != "server" && name != "storage" {
			names = append(names, name)
		}
	}
	return names
}

// alertingSettings are the keys of the alerting section, except its tables.
func (c *Config) alertingSettings() []setting {
	a := &c.Alerting
	return slices.Concat([]setting{
		flag("enabled", &a.Enabled),
		severity("min_severity", &a.MinSeverity),
		whole("buffer_size", 1, alerting.MaxBufferSize, &a.BufferSize),
		size("buffer_bytes", 1<<20, alerting.MaxBufferBytes, &a.BufferBytes),
		duration("repeat_interval", time.Second, 366*day, &c.RepeatInterval),
		identifyBy("identify_by", &c.IdentifyBy),
		heartbeats("heartbeats", &c.Heartbeats),
	}, watchdogSettings(&c.Watchdog), c.noiseSettings())
}

func (c *Config) readAlerting(t *table) {
	c.RepeatInterval, c.IdentifyBy, c.Watchdog.Every = defaultRepeatInterval, defaultIdentifyBy(), defaultWatchdog
	c.Noise = routing.Settings{Calendars: map[string]*calendar.Calendar{}, Storm: routing.DefaultStorm(), Flapping: routing.DefaultFlapping()}
	t.read(c.alertingSettings())
	t.known = append(t.known, "channels", "custom")
	t.done()
	t.r.table(t.values, t.key, "custom")
	channels := t.r.table(t.values, t.key, "channels")
	for _, name := range slices.Sorted(maps.Keys(channels.values)) {
		table := t.r.table(channels.values, channels.key, name)
		table.private = true
		if name == "" || len(name) > maxChannelName {
			t.r.problem(table.key, "has a name of %d bytes, must be 1 to %d", len(name), maxChannelName)
		}
		c.Channels = append(c.Channels, readChannel(table, name))
	}
	t.r.checkFallbacks(channels.key, c.Channels)
	c.Raw = t.values
	c.warnOfSilence(t.key)
	c.checkWatchdog(t)
	c.checkNoise(t)
}

// defaultRepeatInterval is the time between two updates about an incident that grows.
const defaultRepeatInterval = time.Hour

// maxChannelName is the longest name of a channel, in bytes.
const maxChannelName = 100

// warnOfSilence warns of settings by which nobody is told of any alert.
func (c *Config) warnOfSilence(key string) {
	on := slices.ContainsFunc(c.Channels, func(channel Channel) bool { return channel.Policy.Enabled })
	switch {
	case c.Raw == nil:
		c.Warnings = append(c.Warnings, key+" is missing: nobody is told of anything, and a reload of this file is refused")
	case c.Alerting.Enabled && !on:
		c.Warnings = append(c.Warnings, "alerting is enabled and no channel is: incidents are opened, and nobody is told of them")
	case !c.Alerting.Enabled && on:
		c.Warnings = append(c.Warnings, join(key, "channels")+": channels are enabled and alerting is not: nobody is told of anything")
	}
}

// severity reads the name of a severity.
func (t *table) severity(name string, into *alerting.Severity) {
	var text string
	if t.string(name, &text); t.values[name] == nil || text == "" && t.values[name] != "" {
		return
	}
	severity, err := alerting.ParseSeverity(text)
	if err != nil {
		t.r.problem(join(t.key, name), "%s is not one of debug, info, warning, error, critical", t.quote(name, text))
		return
	}
	*into = severity
}
