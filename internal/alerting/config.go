package alerting

// Config is the configuration of the core: the [alerting] section. The zero
// value is not valid; start from [DefaultConfig].
type Config struct {
	// Enabled says whether events are dispatched. They are kept either way.
	Enabled bool
	// MinSeverity is the least severity that makes an event.
	MinSeverity Severity
	// BufferSize is the buffer's capacity in events, 1 to [MaxBufferSize].
	BufferSize int
	// Channels are the configured ways out, by name.
	Channels map[string]ChannelConfig
	// Raw is the whole section as it was read, after substitution, the user's own
	// settings included. It may hold secrets.
	Raw map[string]any
}

// ChannelConfig is one channel's table as it was read. It may hold secrets.
type ChannelConfig map[string]any

// DefaultConfig returns the safe defaults: disabled, from warning on, a buffer
// of 1000 events, no channels.
func DefaultConfig() Config {
	return Config{MinSeverity: SeverityWarning, BufferSize: 1000}
}

// Validate returns nil or an [*Error] with [CodeInvalid] that names every
// setting that is not allowed.
func (c Config) Validate() error {
	var problems []FieldError
	if !c.MinSeverity.Valid() {
		problems = append(problems, notOneOf("min_severity", c.MinSeverity.String(), severityNames[1:]).Fields...)
	}
	if c.BufferSize < 1 || c.BufferSize > MaxBufferSize {
		problems = append(problems, invalidField("buffer_size", "%d is out of range, must be 1 to %d", c.BufferSize, MaxBufferSize).Fields...)
	}
	if len(problems) > 0 {
		return &Error{Code: CodeInvalid, Fields: problems}
	}
	return nil
}

// ChannelConfig returns the channel of this name.
func (c Config) ChannelConfig(name string) (ChannelConfig, bool) {
	channel, ok := c.Channels[name]
	return channel, ok
}

// ChannelEnabled reports whether there is a channel of this name that is turned
// on. A channel is off unless it says otherwise.
func (c Config) ChannelEnabled(name string) bool {
	enabled, ok := c.Channels[name]["enabled"].(bool)
	return ok && enabled
}
