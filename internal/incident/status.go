package incident

import (
	"slices"
	"strings"
)

// Status is the state of an incident. "" is none. A status written by a newer alertd is kept
// as it is, and counts as open.
type Status string

// The statuses, in their order.
const (
	// Triggered: open, and nobody works on it yet.
	Triggered Status = "triggered"
	// Acknowledged: open, and somebody works on it.
	Acknowledged Status = "acknowledged"
	// Resolved: over. A later similar event opens a new incident.
	Resolved Status = "resolved"
)

// Statuses returns every status, in order.
func Statuses() []Status { return []Status{Triggered, Acknowledged, Resolved} }

// ParseStatus reads a status' name in any case. The error is an
// [*alerting.Error] with [alerting.CodeInvalid].
func ParseStatus(name string) (Status, error) {
	for _, s := range Statuses() {
		if strings.EqualFold(string(s), name) {
			return s, nil
		}
	}
	return "", invalid("status", "must be one of triggered, acknowledged, resolved")
}

// Valid reports whether s is one of the statuses.
func (s Status) Valid() bool { return slices.Contains(Statuses(), s) }

// Open reports whether events still join the incident.
func (s Status) Open() bool { return s != Resolved && s != "" }

// String returns the name.
func (s Status) String() string { return string(s) }
