package incident

// Reason says why people are told about an incident. "" is none. A reason of a newer
// alertd is kept as it is, and treated as one that nothing overtakes.
type Reason string

// The reasons, and what each tells.
const (
	// Opened: there is a new incident.
	Opened Reason = "opened"
	// SeverityRaised: it has become worse.
	SeverityRaised Reason = "severity_raised"
	// Updated: it is still open and has grown since people were last told.
	Updated Reason = "updated"
	// WasAcknowledged: somebody works on it.
	WasAcknowledged Reason = "acknowledged"
	// WasResolved: it is over.
	WasResolved Reason = "resolved"
	// Test: there is no incident; somebody tries a channel.
	Test Reason = "test"
)

// Reasons returns every reason.
func Reasons() []Reason {
	return []Reason{Opened, SeverityRaised, Updated, WasAcknowledged, WasResolved, Test}
}

// String returns the name.
func (r Reason) String() string { return string(r) }

// Introduces reports whether a notice for this reason tells those who have heard
// nothing so far that there is an incident. That one is over tells them nothing.
func (r Reason) Introduces() bool {
	return r == Opened || r == SeverityRaised || r == Updated
}

// AsksToAct reports whether a notice for this reason only reminds people to do something,
// so that it is void once somebody does.
func (r Reason) AsksToAct() bool { return r == Updated }

// Overtakes reports whether a notice for this reason leaves nothing to be said by
// an earlier one for the other that has not gone out yet, to those who have heard of
// the incident: for the others it must also be one that [Reason.Introduces]. That an
// incident was opened is always said, and that it is over: people who hear of neither
// know nothing, and people who hear only of the first wait for the second.
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
