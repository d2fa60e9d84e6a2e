package alerting

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// timeFormat is RFC 3339 in UTC with microseconds, always six digits, so that
// texts sort as times do.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// FormatTime writes a time as events do: RFC 3339, UTC, microseconds.
func FormatTime(t time.Time) string { return t.UTC().Format(timeFormat) }

// Event is one registered alert. It is immutable; a [Log] makes it of a [Draft]
// or reads it back with [LoadEvent]. Its JSON is encoded once.
type Event struct {
	id         EventID
	timestamp  time.Time
	receivedAt time.Time
	severity   Severity
	category   Category
	source     string
	message    string
	dedupKey   string
	resolves   bool
	seq        Seq
	dispatch   bool

	// json is the encoded event; json[contextStart:contextEnd] is its context.
	json                     string
	contextStart, contextEnd int
}

// ID returns the event's identifier.
func (e *Event) ID() EventID { return e.id }

// Seq returns the event's place in the log. Later events have greater numbers.
func (e *Event) Seq() Seq { return e.seq }

// Timestamp returns when it happened, in UTC, to the microsecond.
func (e *Event) Timestamp() time.Time { return e.timestamp }

// ReceivedAt returns when alertd registered it, in UTC, to the microsecond.
func (e *Event) ReceivedAt() time.Time { return e.receivedAt }

// Severity returns how bad it is.
func (e *Event) Severity() Severity { return e.severity }

// Category returns what it is about.
func (e *Event) Category() Category { return e.category }

// Source returns the component that reported it.
func (e *Event) Source() string { return e.source }

// Message returns the text for people.
func (e *Event) Message() string { return e.message }

// DedupKey returns the key that the client gave, or "".
func (e *Event) DedupKey() string { return e.dedupKey }

// Resolves reports whether it says that what is alike is over, see [Alert].
func (e *Event) Resolves() bool { return e.resolves }

// Dispatch reports whether alerting was enabled when the alert was registered, so that
// people are to be told of the event.
func (e *Event) Dispatch() bool { return e.dispatch }

// Context returns the data that came with the alert, byte for byte.
func (e *Event) Context() Context { return Context{raw: e.json[e.contextStart:e.contextEnd]} }

// JSON returns the event as one JSON object: the seed's to_dict fields
// (event_id, timestamp, severity, category, source, message, context), then
// seq, received_at and, where given, dedup_key and resolves (only ever true). It
// is encoded once and shared.
func (e *Event) JSON() string { return e.json }

// MarshalJSON returns a copy of [Event.JSON].
func (e *Event) MarshalJSON() ([]byte, error) { return []byte(e.json), nil }

// memory returns about how many bytes the event takes in a buffer.
func (e *Event) memory() int64 {
	return int64(len(e.json) + len(e.source) + len(e.message) + len(e.dedupKey) + 300)
}

// appendQuoted appends text, which is valid UTF-8, as a JSON string.
func appendQuoted(dst []byte, text string) []byte {
	// The only error is invalid UTF-8, which is replaced, not lost.
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}
