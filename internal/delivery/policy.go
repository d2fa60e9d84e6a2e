package delivery

import (
	"time"

	"alertd/internal/alerting"
)

// Policy is what a channel's settings say of when to use it, whatever its kind.
type Policy struct {
	// Name is the channel's, Kind what it is.
	Name, Kind string
	Enabled    bool
	// Targets are the recipients that are each told by a delivery of their own, as
	// [channel.Targeted] has them; empty: the channel is told as a whole.
	Targets []string
	// MinSeverity is the least severity that is told.
	MinSeverity alerting.Severity
	// Categories and Sources: only these; empty: all.
	Categories []alerting.Category
	Sources    []string
	// Resolved says whether it is told that an incident is over.
	Resolved bool
	// Timeout bounds one attempt.
	Timeout time.Duration
	// Concurrency is how many attempts may be under way at once.
	Concurrency int
	// RateLimit bounds how many begin.
	RateLimit Rate
	Retry     Retry
	// Fallback is the channel that is told what this one could not be; "": none.
	Fallback string
}

// Rate is so many in a stretch of time. The zero value is no limit.
type Rate struct {
	Count int
	Per   time.Duration
}

// Retry says when a delivery is tried again.
type Retry struct {
	// Initial is the longest wait before the second attempt; it doubles with each
	// further one, up to Max.
	Initial, Max time.Duration
	// Jitter takes a random wait between nothing and that ("full jitter"), so that
	// what failed together does not come back together.
	Jitter bool
	// GiveUpAfter is how long after it was planned a delivery fails.
	GiveUpAfter time.Duration
}

// DefaultPolicy returns what holds for a channel unless its settings say otherwise.
func DefaultPolicy() Policy {
	return Policy{
		MinSeverity: alerting.SeverityWarning, Resolved: true, Timeout: 10 * time.Second, Concurrency: 4,
		Retry: Retry{Initial: time.Second, Max: 5 * time.Minute, Jitter: true, GiveUpAfter: time.Hour},
	}
}

// targets returns the targets of the channel: one of "" for a channel that is told as a
// whole.
func (p Policy) targets() []string {
	if len(p.Targets) == 0 {
		return []string{""}
	}
	return p.Targets
}
