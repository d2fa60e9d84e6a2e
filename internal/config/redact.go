package config

import (
	"math"
	"strconv"
	"strings"
)

// hidden replaces a secret.
const hidden = "<secret>"

// secretKey reports whether a key's name means a secret. It is generous, because the
// names under [alerting.custom] are the user's own. A URL is a secret: a webhook's URL is
// enough to post, and many URLs hold a password.
func secretKey(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"password", "passwd", "secret", "token", "credential", "authorization", "key", "hash"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return name == "headers" || name == "proxy" || strings.HasSuffix(name, "url") || strings.HasSuffix(name, "dsn")
}

// shown returns the effective values without secrets, by key.
func (r *reader) shown(c *Config) map[string]any {
	shown := map[string]any{}
	for _, s := range c.settings() {
		shown[s.key()] = s.show()
		if s.private || s.section == "storage" { // where anything may come from a secret's store
			shown[s.key()] = r.hide(s.key(), shown[s.key()], secretKey(s.name))
		}
	}
	key := join("", c.section)
	channels := make(map[string]any, len(c.Channels))
	for _, channel := range c.Channels { // a channel's name is no secret, whatever it sounds like
		channels[channel.Policy.Name] = r.hide(join(join(key, "channels"), channel.Policy.Name), channel.Raw, false)
	}
	shown[join(key, "channels")] = channels
	if custom, ok := c.Raw["custom"]; ok {
		shown[join(key, "custom")] = r.hide(join(key, "custom"), custom, false)
	}
	return shown
}

// Redacted returns the effective configuration as nested tables, with durations and sizes
// as text and each secret as "<secret>".
func (c *Config) Redacted() map[string]any {
	tables := map[string]any{}
	put := func(value any, path ...string) {
		table := tables
		for _, name := range path[:len(path)-1] {
			if table[name] == nil {
				table[name] = map[string]any{}
			}
			table, _ = table[name].(map[string]any)
		}
		table[path[len(path)-1]] = value
	}
	for _, s := range c.settings() {
		put(c.shown[s.key()], s.path()...)
	}
	for _, name := range []string{"channels", "custom"} {
		if value, ok := c.shown[join(join("", c.section), name)]; ok {
			put(value, c.section, name)
		}
	}
	return tables
}

// hide returns a copy of a value without its secrets.
func (r *reader) hide(key string, value any, secret bool) any {
	secret = secret || r.origins[key].env
	switch value := value.(type) {
	case map[string]any:
		result := make(map[string]any, len(value))
		for name, inner := range value {
			result[name] = r.hide(join(key, name), inner, secret || secretKey(name))
		}
		return result
	case []any:
		result := make([]any, len(value))
		for i, inner := range value {
			result[i] = r.hide(element(key, i), inner, secret)
		}
		return result
	default:
		if secret && value != "" {
			return hidden
		}
		if number, ok := value.(float64); ok && (math.IsNaN(number) || math.IsInf(number, 0)) {
			return strings.ToLower(strconv.FormatFloat(number, 'g', -1, 64)) // JSON has no NaN and no infinity
		}
		return value
	}
}
