package channel

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Channel is one configured way out. Send is safe for concurrent use.
type Channel interface {
	// Send tries once to deliver one message. It returns when it knows the outcome, and
	// soon after ctx has ended at the latest.
	Send(ctx context.Context, n Notification) Result
	// Close releases files and idle connections. It is called when no Send is under way,
	// and none follows.
	Close() error
}

// Targeted is implemented by the settings of a kind whose channels have several
// recipients. Each recipient has deliveries of its own, so that one is retried while the
// others have the message. Settings that do not implement it have one target, "".
type Targeted interface {
	// Targets returns the recipients in a fixed order, each once, as
	// [Notification.Target] has them. Those that Validate refuses are left out.
	Targets() []string
}

// Outcome is that of an attempt to deliver. The zero value is none.
type Outcome uint8

// The outcomes of an attempt.
const (
	// Delivered: the other side has taken responsibility.
	Delivered Outcome = iota + 1
	// Transient: it did not work and may work later. The message may have arrived
	// nevertheless.
	Transient
	// Permanent: another attempt with the same message will fail, too.
	Permanent
)

// outcomeNames is indexed by the outcome; index 0 is none.
var outcomeNames = [...]string{"", "delivered", "transient", "permanent"}

// OutcomeOf returns the outcome with this number, as it is kept. One of a newer alertd is
// kept as it is.
func OutcomeOf(number int64) Outcome { return Outcome(max(0, min(number, math.MaxUint8))) }

// String returns the name; of one that is not known, its number.
func (o Outcome) String() string {
	if o < Delivered || o > Permanent {
		return fmt.Sprintf("outcome_%d", uint8(o))
	}
	return outcomeNames[o]
}

// Result is the outcome of one attempt, and what goes with it.
type Result struct {
	Outcome Outcome
	// Code is the other side's: an HTTP status or an SMTP reply; 0: there was none.
	Code int
	// Error says what went wrong, for the operator, without secrets; "": nothing did.
	Error string
	// RetryAfter is how long the other side asks to wait, by Retry-After or the like;
	// 0: it does not ask.
	RetryAfter time.Duration
	// Thread is what later messages about the incident on this channel need in order to
	// join this one, such as Slack's ts or a Message-ID; "": nothing. It is kept in the
	// database, may be a secret, and must never be shown or logged. A digest has none.
	Thread string
}
