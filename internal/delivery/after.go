package delivery

import (
	"fmt"
	"time"

	"alertd/internal/channel"
)

// Step is what follows for a delivery.
type Step struct {
	// Status is [Waiting], [Delivered] or [Failed].
	Status Status
	// DueAt is when a delivery that waits is tried again.
	DueAt time.Time
	// Why says in words what follows, for the timeline.
	Why string
}

// After returns what follows from an attempt: one that has failed for now is repeated
// after a wait that doubles with each attempt, and not before the other side wants it;
// one that ends when the delivery is to be given up, and one that has failed for good,
// ends it. luck is from 0 to 1, and random; number counts the attempt from 1.
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
	if last := d.GiveUpAt.Add(-p.Initial); due.After(last) { // one more attempt just before the end, if it may be made
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

// wait returns how long to wait after an attempt.
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
