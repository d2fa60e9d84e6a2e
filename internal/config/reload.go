package config

import (
	"maps"
	"reflect"
	"slices"
)

// Reload returns the configuration in force after an alertd that started with c has loaded
// next. Settings that need a restart are those of c.
func (c *Config) Reload(next Config) Config {
	next.shown = maps.Clone(next.shown)
	started := c.settings()
	for i, s := range next.settings() {
		if s.restart {
			s.take(started[i])
			next.shown[s.key()] = c.shown[s.key()]
		}
	}
	return next
}

// RestartRequired returns the keys that differ between c and next and take
// effect only after a restart.
func (c *Config) RestartRequired(next Config) []string {
	return c.different(&next, func(s setting) bool { return s.restart })
}

// Changed returns the keys that differ between c and next, sorted. A channel is one key.
func (c *Config) Changed(next Config) []string {
	keys := c.different(&next, func(setting) bool { return true })
	section := join("", c.section)
	names := map[string]bool{}
	for _, channel := range slices.Concat(c.Channels, next.Channels) {
		names[channel.Policy.Name] = true
	}
	for name := range names {
		before, _ := c.Channel(name)
		after, _ := next.Channel(name)
		if !reflect.DeepEqual(before.Raw, after.Raw) {
			keys = append(keys, join(join(section, "channels"), name))
		}
	}
	if !reflect.DeepEqual(c.Raw["custom"], next.Raw["custom"]) {
		keys = append(keys, join(section, "custom"))
	}
	slices.Sort(keys)
	return keys
}

// different returns the keys of the settings of interest that differ.
func (c *Config) different(next *Config, interest func(setting) bool) []string {
	var keys []string
	others := next.settings()
	for i, s := range c.settings() {
		if interest(s) && !s.equal(others[i]) {
			keys = append(keys, s.key())
		}
	}
	return keys
}

// CheckReload returns nil if next may replace c while alertd runs, and [Problems] if next
// would silently turn alerting off, or let everybody in. A file that is empty while it is
// replaced, or cut short by a full disk, would do so. A file that means it says enabled =
// false, or allow_anonymous = true.
func (c *Config) CheckReload(next Config) error {
	if c.Found && !next.Found {
		return Problems{{Message: next.Path + " is gone"}}
	}
	if problems := append(c.silences(next), c.opens(next)...); len(problems) > 0 {
		return problems
	}
	return nil
}

// silences returns a problem if next would turn alerting off without saying so.
func (c *Config) silences(next Config) Problems {
	key := join("", next.section)
	switch {
	case !next.Found || next.saysOff():
		return nil
	case next.Raw == nil:
		return Problems{{Key: key, Message: "is missing; to turn alerting off while alertd runs, the file must have this table, with enabled = false"}}
	}
	if _, says := next.Raw["enabled"]; c.Alerting.Enabled && !says {
		return Problems{{Key: join(key, "enabled"), Message: "is missing, and alerting is on; to turn it off while alertd runs, the file must say enabled = false"}}
	}
	if silent := c.silencedBy(next); silent != "" {
		return Problems{{Key: join(key, "channels"), Message: "has no enabled channel any more; to turn the last ones off while alertd runs, the file must say enabled = false in " +
			join(join(key, "channels"), silent) + ", or in " + key}}
	}
	return nil
}

// saysOff reports whether the file itself says that alerting is off.
func (c *Config) saysOff() bool {
	_, says := c.Raw["enabled"]
	return says && !c.Alerting.Enabled
}

// silencedBy returns "" if next has an enabled channel, or says enabled = false for each
// channel that is on. Otherwise it returns the name of a channel that next silences.
func (c *Config) silencedBy(next Config) string {
	for _, channel := range next.Channels {
		if channel.Policy.Enabled {
			return ""
		}
	}
	for _, channel := range c.Channels {
		left, _ := next.Channel(channel.Policy.Name)
		if _, says := left.Raw["enabled"]; channel.Policy.Enabled && !says {
			return channel.Policy.Name
		}
	}
	return ""
}
