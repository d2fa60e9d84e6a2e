package incident

import "time"

// HeldBack is an incident whose messages something holds or has held back.
type HeldBack struct {
	Incident Ref
	// Now is what it is now, nil if its record cannot be read.
	Now *Incident
	// Since is when that began, and Notices is how many messages were held back.
	Since   time.Time
	Notices int
	// Held says that it goes on.
	Held bool
}
