package config

// CheckReload returns nil if next may replace c while alertd runs, and [Problems] if next
// would silently turn alerting off. A file that is empty while it is replaced, or cut short
// by a full disk, would do so. A file that means it says enabled = false.
func (c *Config) CheckReload(next Config) error {
	key := join("", next.section)
	switch {
	case c.Found && !next.Found:
		return Problems{{Message: next.Path + " is gone"}}
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
