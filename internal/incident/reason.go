package incident

// Reason says why people are notified of an incident. "" is none. A reason written by a
// newer alertd is kept as it is, and never overtaken.
type Reason string

// The reasons.
const (
	// Opened: the incident is new.
	Opened Reason = "opened"
	// SeverityRaised: its severity rose.
	SeverityRaised Reason = "severity_raised"
	// Updated: it is still open and has grown since the last notice.
	Updated Reason = "updated"
	// WasAcknowledged: somebody works on it.
	WasAcknowledged Reason = "acknowledged"
	// WasResolved: it is over.
	WasResolved Reason = "resolved"
	// Test: somebody tests a channel; there is no incident.
	Test Reason = "test"
	// Digested: incidents were held back, and one message tells of all of them: see
	// [Notice.Digest].
	Digested Reason = "digest"
)

// Reasons returns every reason.
func Reasons() []Reason {
	return []Reason{Opened, SeverityRaised, Updated, WasAcknowledged, WasResolved, Test, Digested}
}

// String returns the name.
func (r Reason) String() string { return string(r) }

// Introduces reports whether a notice for this reason also informs recipients who have not
// heard of the incident yet. A resolution does not.
func (r Reason) Introduces() bool {
	return r == Opened || r == SeverityRaised || r == Updated
}

// AsksToAct reports whether a notice for this reason only reminds people to act. It is void
// once somebody does.
func (r Reason) AsksToAct() bool { return r == Updated }

// Overtakes reports whether a notice for this reason makes an earlier, unsent one for the
// other reason unnecessary, for recipients who have heard of the incident. For others the
// reason must also be one that [Reason.Introduces]. Nothing overtakes an opening or a
// resolution: without the first people know nothing, without the second they keep waiting.
// A digest is about other incidents too: it overtakes nothing, and nothing overtakes it.
func (r Reason) Overtakes(earlier Reason) bool {
	switch earlier {
	case Updated:
		return r != Test && r != Digested
	case SeverityRaised:
		return r == SeverityRaised || r == WasResolved
	case WasAcknowledged:
		return r == WasAcknowledged || r == WasResolved
	case Opened, WasResolved, Test, Digested:
	}
	return false
}
