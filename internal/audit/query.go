package audit

import "time"

// Query asks for a page of the log. Empty fields ask for everything.
type Query struct {
	// Actors and Actions match if any of them does, Object if it is the same.
	Actors, Actions []string
	Object          string
	// Since is the time of the first record, Until that of the first one not any more.
	Since, Until time.Time
	// Ascending asks for the oldest records first, else the newest come first.
	Ascending bool
	// From is [Page.Next] of the page before; 0: the first page.
	From int64
	// Limit is the most records on a page, with those that cannot be read.
	Limit int
}

// Page is what a query finds.
type Page struct {
	Records []Record
	// Unreadable is how many rows of the page cannot be read and are left out.
	Unreadable int
	// Next is the number of the last row of the page, 0 if there are no further ones.
	Next int64
}
