package incident

import "fmt"

// Reason says why people are told about an incident. The zero value is none.
type Reason uint8

// The reasons, and what each tells.
const (
	// Opened: there is a new incident.
	Opened Reason = iota + 1
	// SeverityRaised: it has become worse.
	SeverityRaised
	// Updated: it is still open and has grown since people were last told.
	Updated
	// WasAcknowledged: somebody works on it.
	WasAcknowledged
	// WasResolved: it is over.
	WasResolved
	// Test: there is no incident; somebody tries a channel.
	Test
)

// reasonNames is indexed by the reason; index 0 is none.
var reasonNames = [...]string{"", "opened", "severity_raised", "updated", "acknowledged", "resolved", "test"}

// String returns the name, or "invalid".
func (r Reason) String() string {
	if r < Opened || r > Test {
		return "invalid"
	}
	return reasonNames[r]
}

// MarshalText writes the name.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a name.
func (r *Reason) UnmarshalText(text []byte) error {
	for reason := Opened; reason <= Test; reason++ {
		if reasonNames[reason] == string(text) {
			*r = reason
			return nil
		}
	}
	return fmt.Errorf("%q is not a reason", text)
}

// Introduces reports whether a notice for this reason tells those who have heard
// nothing so far that there is an incident. That one is over tells them nothing.
func (r Reason) Introduces() bool {
	return r == Opened || r == SeverityRaised || r == Updated
}

// Overtakes reports whether a notice for this reason leaves nothing to be said by
// an earlier one for the other that has not gone out yet, to those who have heard of
// the incident: for the others it must also be one that [Reason.Introduces]. That an
// incident was opened is always said, and that it is over: who hears of neither knows
// nothing, and who hears of the first only waits for the second.
func (r Reason) Overtakes(earlier Reason) bool {
	switch earlier {
	case Updated:
		return r != Test
	case SeverityRaised:
		return r == SeverityRaised || r == WasResolved
	case WasAcknowledged:
		return r == WasAcknowledged || r == WasResolved
	case Opened, WasResolved, Test:
	}
	return false
}
