package incident

import (
	"time"

	"alertd/internal/alerting"
)

// Query selects incidents, newest first. The zero value of a field selects all.
type Query struct {
	Statuses    []Status
	MinSeverity alerting.Severity
	Categories  []alerting.Category
	Sources     []string
	// Since selects incidents that had an event at this time or later.
	Since time.Time
	// Text selects by a part of the latest message, ignoring case.
	Text string
	// Fingerprint selects incidents of this kind of event; nil: of all.
	Fingerprint *Fingerprint
	// Ascending has the first opened first, else the latest.
	Ascending bool
	// Before selects incidents with a smaller number, and After those with a greater one; 0: all.
	Before, After Number
	// Limit is the maximum number of incidents, at least 1.
	Limit int
}

// Page is the answer to a [Query].
type Page struct {
	Incidents []Incident
	// More says that further incidents match.
	More bool
	// Unreadable is how many incidents are left out because they cannot be decoded.
	Unreadable int
}
