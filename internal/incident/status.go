package incident

import (
	"fmt"
	"strings"
)

// Status says how far an incident has come. The zero value is none.
type Status uint8

// The statuses, in their order.
const (
	// Triggered: open, and nobody has taken it.
	Triggered Status = iota + 1
	// Acknowledged: open, and somebody works on it.
	Acknowledged
	// Resolved: over. A later like event opens a new incident.
	Resolved
)

// statusNames is indexed by the status; index 0 is none.
var statusNames = [...]string{"", "triggered", "acknowledged", "resolved"}

// Statuses returns every status, in order.
func Statuses() []Status { return []Status{Triggered, Acknowledged, Resolved} }

// ParseStatus reads a status' name in any case. The error is an
// [*alerting.Error] with [alerting.CodeInvalid].
func ParseStatus(name string) (Status, error) {
	for _, s := range Statuses() {
		if strings.EqualFold(statusNames[s], name) {
			return s, nil
		}
	}
	return 0, invalid("status", fmt.Sprintf("must be one of %s", strings.Join(statusNames[1:], ", ")))
}

// Valid reports whether s is one of the statuses.
func (s Status) Valid() bool { return s >= Triggered && s <= Resolved }

// Open reports whether events still join the incident.
func (s Status) Open() bool { return s == Triggered || s == Acknowledged }

// String returns the name, or "invalid".
func (s Status) String() string {
	if !s.Valid() {
		return "invalid"
	}
	return statusNames[s]
}

// MarshalText writes the name.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what [ParseStatus] does.
func (s *Status) UnmarshalText(text []byte) error {
	parsed, err := ParseStatus(string(text))
	if err == nil {
		*s = parsed
	}
	return err
}
