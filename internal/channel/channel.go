package channel

import (
	"context"
	"time"
)

// Channel is one configured way out. Send is safe for concurrent use.
type Channel interface {
	// Send tries to deliver one message, once. It returns when it knows what became
	// of it, at the latest soon after ctx has ended.
	Send(ctx context.Context, n Notification) Result
	// Close gives back what the channel holds: files, idle connections. No Send is
	// under way then, and none follows.
	Close() error
}

// Targeted is what the settings of a kind implement whose messages go to each of several
// recipients by itself: each is one delivery, told or retried whatever becomes of the
// others. Settings that do not implement it have one target, "".
type Targeted interface {
	// Targets returns the recipients in a fixed order, each once. They go into
	// [Notification.Target]. It needs no open channel, and leaves out what
	// Validate would refuse.
	Targets() []string
}

// Outcome says what became of an attempt to deliver. The zero value is none.
type Outcome uint8

// The outcomes of an attempt.
const (
	// Delivered: the other side has taken responsibility.
	Delivered Outcome = iota + 1
	// Transient: it did not work, and may work later. Whether the message has
	// arrived may be unknown.
	Transient
	// Permanent: the same message will not be taken later either.
	Permanent
)

// outcomeNames is indexed by the outcome; index 0 is none.
var outcomeNames = [...]string{"", "delivered", "transient", "permanent"}

// String returns the name, or "invalid".
func (o Outcome) String() string {
	if o < Delivered || o > Permanent {
		return "invalid"
	}
	return outcomeNames[o]
}

// Result is what became of one attempt.
type Result struct {
	Outcome Outcome
	// Code is the other side's: an HTTP status, an SMTP reply; 0: there was none.
	Code int
	// Error says what went wrong, for the operator, without secrets; "" if nothing.
	Error string
	// RetryAfter is how long the other side asks to be left alone, by Retry-After or
	// the like; 0: it does not say.
	RetryAfter time.Duration
	// Thread is what later messages about the incident to this channel need to join
	// this one, such as Slack's ts or a Message-ID; "" if nothing.
	Thread string
}
