package config

import (
	"maps"
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
	for _, part := range []string{"password", "passwd", "secret", "token", "credential", "authorization", "key"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return name == "headers" || name == "proxy" || strings.HasSuffix(name, "url") || strings.HasSuffix(name, "dsn")
}

// redact returns the effective configuration without secrets.
func (r *reader) redact(root map[string]any, c *Config, section string) map[string]any {
	server := map[string]any{
		"listen":              c.Server.Listen,
		"public_url":          c.Server.PublicURL,
		"access_log":          c.Server.AccessLog,
		"slow_request":        FormatDuration(c.Server.SlowRequest),
		"read_header_timeout": FormatDuration(c.Server.ReadHeaderTimeout),
		"read_timeout":        FormatDuration(c.Server.ReadTimeout),
		"write_timeout":       FormatDuration(c.Server.WriteTimeout),
		"idle_timeout":        FormatDuration(c.Server.IdleTimeout),
		"shutdown_timeout":    FormatDuration(c.Server.ShutdownTimeout),
		"max_body":            formatSize(c.Server.MaxBody),
		"max_streams":         c.Server.MaxStreams,
		"stream_heartbeat":    FormatDuration(c.Server.StreamHeartbeat),
		"max_searches":        c.Server.MaxSearches,
		"search_timeout":      FormatDuration(c.Server.SearchTimeout),
	}
	alerts := map[string]any{
		"enabled":      c.Alerting.Enabled,
		"min_severity": c.Alerting.MinSeverity.String(),
		"buffer_size":  c.Alerting.BufferSize,
		"buffer_bytes": formatSize(c.Alerting.BufferBytes),

		"repeat_interval": FormatDuration(c.RepeatInterval),
	}
	key := join("", section)
	alerts["identify_by"] = r.hide(join(key, "identify_by"), anys(c.IdentifyBy), false)
	channels := make(map[string]any, len(c.Channels))
	for _, channel := range c.Channels { // a channel's name is no secret, whatever it sounds like
		channels[channel.Policy.Name] = r.hide(join(join(key, "channels"), channel.Policy.Name), channel.Raw, false)
	}
	alerts["channels"] = channels
	if custom, ok := c.Raw["custom"]; ok {
		alerts["custom"] = r.hide(join(key, "custom"), custom, false)
	}
	return map[string]any{"server": server, "storage": r.redactStorage(root, c.Storage), section: alerts}
}

// redactStorage returns the effective [storage] without secrets.
func (r *reader) redactStorage(root map[string]any, s Storage) any {
	given, _ := root["storage"].(map[string]any)
	shown := map[string]any{
		"driver":           s.Driver,
		"retention":        FormatDuration(s.Retention),
		"retention_events": s.RetentionEvents,
		"queue_size":       formatSize(s.QueueSize),
		"timeout":          FormatDuration(s.Timeout),
	}
	if s.Driver == "sqlite" {
		shown["path"] = s.Path
	} else {
		shown["max_connections"] = s.MaxConnections
	}
	maps.Copy(shown, given)
	return r.hide("storage", shown, false)
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

// Redacted returns the effective configuration as nested tables, with durations and sizes
// as text and each secret as "<secret>". The caller must not change it.
func (c *Config) Redacted() map[string]any { return c.redacted }
