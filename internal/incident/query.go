package incident

import (
	"time"

	"alertd/internal/alerting"
)

// Query asks for incidents, the latest opened first. The zero value of a part lets
// everything pass.
type Query struct {
	Statuses    []Status
	MinSeverity alerting.Severity
	Categories  []alerting.Category
	Sources     []string
	// Since asks for those that had an event at or after it.
	Since time.Time
	// Text is looked for in the latest message, ignoring case.
	Text string
	// Before asks only for those with a smaller number; 0: all.
	Before Number
	// Limit is the most wanted, at least 1.
	Limit int
}

// Page is the answer to a [Query].
type Page struct {
	Incidents []Incident
	// More says that at least one further incident matches.
	More bool
	// Unreadable is how many incidents are left out as they cannot be read.
	Unreadable int
}
