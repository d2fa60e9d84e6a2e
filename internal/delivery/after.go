package delivery

import (
	"fmt"
	"time"

	"alertd/internal/channel"
)

// Step is the next state of a delivery after an attempt.
type Step struct {
	// Status is [Waiting], [Delivered] or [Failed].
	Status Status
	// DueAt is when a waiting delivery is tried again.
	DueAt time.Time
	// Why is the reason in words, for the timeline.
	Why string
}

// After returns the step after an attempt. After a transient failure the delivery waits. The
// wait doubles with each attempt, and is at least what the other side asked for. A permanent
// failure, or a transient one at the time to give up, ends the delivery. luck is a random
// number from 0 to 1; number counts attempts from 1.
func After(d Delivery, number int, r channel.Result, p Retry, luck float64, now time.Time) Step {
	switch r.Outcome {
	case channel.Delivered:
		return Step{Status: Delivered, DueAt: now, Why: "delivered"}
	case channel.Permanent:
		return Step{Status: Failed, DueAt: now, Why: "it would not be taken later either"}
	case channel.Transient:
	}
	if !now.Before(d.GiveUpAt) {
		return Step{Status: Failed, DueAt: now, Why: "given up after " + count(number)}
	}
	due := now.Add(p.wait(number, r.RetryAfter, luck))
	if last := d.GiveUpAt.Add(-p.Initial); due.After(last) { // one more attempt just before the end, if allowed
		if due = d.GiveUpAt; last.After(now.Add(max(p.Initial, r.RetryAfter))) {
			due = last
		}
	}
	if !due.Before(d.GiveUpAt) {
		return Step{Status: Waiting, DueAt: d.GiveUpAt, Why: fmt.Sprintf("attempt %d failed, and was the last: it is given up in %s", number, d.GiveUpAt.Sub(now).Round(time.Millisecond))}
	}
	return Step{Status: Waiting, DueAt: due, Why: fmt.Sprintf("attempt %d failed, the next is due in %s", number, due.Sub(now).Round(time.Millisecond))}
}

func count(attempts int) string {
	if attempts == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", attempts)
}

// wait returns the wait after an attempt.
func (p Retry) wait(number int, atLeast time.Duration, luck float64) time.Duration {
	longest := p.Initial
	for i := 1; i < number && longest < p.Max; i++ {
		longest *= 2
	}
	longest = min(longest, p.Max)
	if p.Jitter {
		longest = time.Duration(luck * float64(longest))
	}
	return max(longest, atLeast)
}
