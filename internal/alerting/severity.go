package alerting

import "strings"

// Severity says how bad an alert is. Severities are ordered and compare with
// the ordinary operators: [SeverityCritical] > [SeverityError] and so on down to
// [SeverityDebug]. The zero value is no severity at all: as a filter's minimum
// it lets everything pass, in an alert it is an error.
type Severity uint8

// The severities, ascending.
const (
	SeverityDebug Severity = iota + 1
	SeverityInfo
	SeverityWarning
	SeverityError
	SeverityCritical
)

// severityNames is indexed by the severity; index 0 is no severity.
var severityNames = [...]string{"", "debug", "info", "warning", "error", "critical"}

// Severities returns every severity, ascending.
func Severities() []Severity {
	return []Severity{SeverityDebug, SeverityInfo, SeverityWarning, SeverityError, SeverityCritical}
}

// severityAliases are the names that other tools have for severities: syslog,
// Python, Java, .NET and the cloud providers.
var severityAliases = [...]struct {
	name     string
	severity Severity
}{
	{"trace", SeverityDebug},
	{"verbose", SeverityDebug},
	{"notice", SeverityInfo},
	{"information", SeverityInfo},
	{"informational", SeverityInfo},
	{"warn", SeverityWarning},
	{"err", SeverityError},
	{"crit", SeverityCritical},
	{"fatal", SeverityCritical},
	{"alert", SeverityCritical},
	{"emerg", SeverityCritical},
	{"emergency", SeverityCritical},
	{"panic", SeverityCritical},
}

// ParseSeverity reads a severity's name, or another usual name for it such as
// warn or fatal, in any case. The error is an [*Error] with code [CodeInvalid]
// that lists the five names.
func ParseSeverity(name string) (Severity, error) {
	var parsed Severity
	err := parsed.UnmarshalText([]byte(name))
	return parsed, err
}

// Valid reports whether s is one of the five severities.
func (s Severity) Valid() bool { return s >= SeverityDebug && s <= SeverityCritical }

// String returns the lower-case name, or "invalid" for a value that is none of
// the five.
func (s Severity) String() string {
	if !s.Valid() {
		return "invalid"
	}
	return severityNames[s]
}

// MarshalText writes the lower-case name.
func (s Severity) MarshalText() ([]byte, error) {
	if !s.Valid() {
		return nil, notOneOf("severity", s.String(), severityNames[1:])
	}
	return []byte(severityNames[s]), nil
}

// UnmarshalText is [ParseSeverity].
func (s *Severity) UnmarshalText(text []byte) error {
	if i := indexFold(severityNames[:], string(text)); i > 0 {
		*s = Severity(i) //nolint:gosec // an index of a short table
		return nil
	}
	for _, alias := range severityAliases {
		if strings.EqualFold(alias.name, string(text)) {
			*s = alias.severity
			return nil
		}
	}
	return notOneOf("severity", string(text), severityNames[1:])
}

// indexFold returns the index of name in names, ignoring case, or -1.
func indexFold(names []string, name string) int {
	for i, known := range names {
		if strings.EqualFold(known, name) {
			return i
		}
	}
	return -1
}
