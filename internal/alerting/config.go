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
	// BufferBytes bounds the buffer in bytes of events, up to [MaxBufferBytes]; 0 stands
	// for [DefaultBufferBytes].
	BufferBytes int64
}

// DefaultConfig returns the safe defaults: disabled, from warning on, a buffer
// of 1000 events and 64 MiB.
func DefaultConfig() Config {
	return Config{MinSeverity: SeverityWarning, BufferSize: 1000, BufferBytes: DefaultBufferBytes}
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
	if c.BufferBytes < 0 || c.BufferBytes > MaxBufferBytes {
		problems = append(problems, invalidField("buffer_bytes", "%d is out of range, must be 1 to %d", c.BufferBytes, int64(MaxBufferBytes)).Fields...)
	}
	if len(problems) > 0 {
		return &Error{Code: CodeInvalid, Fields: problems}
	}
	return nil
}

// Filters says why an alert is not registered, "" if it is.
func (c Config) Filters(a *Alert) string {
	// Its own trouble is always told; and the severity of what is over says nothing
	// about what it ends.
	if a.Severity >= c.MinSeverity || a.Source == OwnSource || a.Resolves {
		return ""
	}
	return "severity " + a.Severity.String() + " is below min_severity " + c.MinSeverity.String()
}

func (c Config) bufferBytes() int64 {
	if c.BufferBytes == 0 {
		return DefaultBufferBytes
	}
	return c.BufferBytes
}
