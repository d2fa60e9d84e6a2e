package config

// hidden takes a secret's place.
const hidden = "<secret>"

// secretKeys returns the names of the keys that hold secrets by their meaning.
// A webhook's URL is one: whoever knows it can post.
func secretKeys() map[string]bool {
	return map[string]bool{
		"webhook_url": true, "smtp_password": true, "bot_token": true, "routing_key": true, "secret": true,
		"headers": true, "url": true, "api_url": true, "dsn": true, "password": true, "token": true,
	}
}

// redact returns the effective configuration as it may be shown.
func (r *reader) redact(root map[string]any, c *Config, section string) map[string]any {
	server := map[string]any{
		"listen":              c.Server.Listen,
		"read_header_timeout": FormatDuration(c.Server.ReadHeaderTimeout),
		"read_timeout":        FormatDuration(c.Server.ReadTimeout),
		"write_timeout":       FormatDuration(c.Server.WriteTimeout),
		"idle_timeout":        FormatDuration(c.Server.IdleTimeout),
		"shutdown_timeout":    FormatDuration(c.Server.ShutdownTimeout),
		"max_body":            formatSize(c.Server.MaxBody),
		"max_streams":         c.Server.MaxStreams,
		"stream_heartbeat":    FormatDuration(c.Server.StreamHeartbeat),
	}
	alerts := map[string]any{
		"enabled":      c.Alerting.Enabled,
		"min_severity": c.Alerting.MinSeverity.String(),
		"buffer_size":  c.Alerting.BufferSize,
		"channels":     map[string]any{},
	}
	for _, name := range []string{"channels", "custom"} {
		if value, ok := c.Alerting.Raw[name]; ok {
			alerts[name] = r.hide(join(join("", section), name), value, false)
		}
	}
	result := map[string]any{"server": server, section: alerts}
	if value, ok := root["storage"]; ok {
		result["storage"] = r.hide("storage", value, false)
	}
	return result
}

// hide returns a copy of a value without its secrets.
func (r *reader) hide(key string, value any, secret bool) any {
	secret = secret || r.origins[key].env
	switch value := value.(type) {
	case map[string]any:
		result := make(map[string]any, len(value))
		for name, inner := range value {
			result[name] = r.hide(join(key, name), inner, secret || secretKeys()[name])
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
		return value
	}
}

// Redacted returns the effective configuration as nested tables, durations and
// sizes as text, every secret as "<secret>". The caller must not change it.
func (c Config) Redacted() map[string]any { return c.redacted }
