package delivery

import (
	"time"

	"alertd/internal/alerting"
)

// Policy has the settings that all kinds of channel share: when and how to use a channel.
type Policy struct {
	// Name and Kind are those of the channel.
	Name, Kind string
	Enabled    bool
	// Targets are the recipients that each get a delivery of their own, see
	// [channel.Targeted]. Empty: one delivery goes to the channel as a whole.
	Targets []string
	// MinSeverity is the least severity of an incident for this channel.
	MinSeverity alerting.Severity
	// Categories and Sources: only these; empty: all.
	Categories []alerting.Category
	Sources    []string
	// Resolved says whether the channel gets resolutions.
	Resolved bool
	// Timeout bounds one attempt.
	Timeout time.Duration
	// Concurrency is how many attempts may be under way at once.
	Concurrency int
	// RateLimit bounds the messages about openings, rises and growth of incidents. What is
	// over is told in a digest. Critical incidents pass, unless RateLimitCritical says
	// otherwise.
	RateLimit         Rate
	RateLimitCritical bool
	Retry             Retry
	// Fallback is the channel that gets the messages this one could not deliver; "": none.
	Fallback string
}

// Rate is a number in a period of time. The zero value is no limit.
type Rate struct {
	Count int
	Per   time.Duration
}

// Retry says when a failed attempt is repeated.
type Retry struct {
	// Initial is the wait before the second attempt. It doubles with each further attempt,
	// up to Max.
	Initial, Max time.Duration
	// Jitter makes each wait random, between zero and the computed one ("full jitter"), so
	// that deliveries that failed together do not retry together.
	Jitter bool
	// GiveUpAfter is how long after its planning a delivery is given up.
	GiveUpAfter time.Duration
}

// DefaultPolicy returns the defaults.
func DefaultPolicy() Policy {
	return Policy{
		MinSeverity: alerting.SeverityWarning, Resolved: true, Timeout: 10 * time.Second, Concurrency: 4,
		Retry: Retry{Initial: time.Second, Max: 5 * time.Minute, Jitter: true, GiveUpAfter: time.Hour},
	}
}

// TargetNames returns the targets of the channel, or a single "" for the channel as a whole.
func (p Policy) TargetNames() []string {
	if len(p.Targets) == 0 {
		return []string{""}
	}
	return p.Targets
}
