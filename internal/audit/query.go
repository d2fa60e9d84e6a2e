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
	// From is the number of the record that the page before ended with; 0: the first page.
	From int64
	// Limit is the most records on a page.
	Limit int
}

// Page is what a query finds.
type Page struct {
	Records []Record
	// More says that there are further records.
	More bool
	// Unreadable is how many records among them cannot be read and are left out.
	Unreadable int
}
