package alerting

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// timeFormat is RFC 3339 in UTC with microseconds, always six digits, so that
// texts sort as times do.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// FormatTime writes a time as events do: RFC 3339, UTC, microseconds.
func FormatTime(t time.Time) string { return t.UTC().Format(timeFormat) }

// Event is one registered alert. It is immutable; only [Manager.Register] makes
// events. Its JSON is encoded once.
type Event struct {
	id             EventID
	timestamp      time.Time
	receivedAt     time.Time
	severity       Severity
	category       Category
	source         string
	message        string
	dedupKey       string
	idempotencyKey string
	seq            uint64

	// json is the encoded event; json[contextStart:contextEnd] is its context.
	json                     string
	contextStart, contextEnd int
}

// ID returns the event's identifier.
func (e *Event) ID() EventID { return e.id }

// Seq returns the event's place in the log. Later events have greater numbers.
func (e *Event) Seq() uint64 { return e.seq }

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

// Context returns the data that came with the alert, byte for byte.
func (e *Event) Context() Context { return Context{raw: e.json[e.contextStart:e.contextEnd]} }

// JSON returns the event as one JSON object: the seed's to_dict fields
// (event_id, timestamp, severity, category, source, message, context), then
// seq, received_at and, where given, dedup_key. It is encoded once and shared.
func (e *Event) JSON() string { return e.json }

// MarshalJSON returns a copy of [Event.JSON].
func (e *Event) MarshalJSON() ([]byte, error) { return []byte(e.json), nil }

// draft is an event that has no sequence number yet. Everything that can be
// done before the number is known is done outside the lock that gives it.
type draft struct {
	event Event
	// head and tail are the JSON before and after the number.
	head, tail []byte
}

// newDraft makes a draft of a normalized alert that was received at now.
func newDraft(alert *Alert, now time.Time) *draft {
	d := &draft{event: Event{
		id: alert.EventID, timestamp: alert.Timestamp, receivedAt: now,
		severity: alert.Severity, category: alert.Category,
		source: alert.Source, message: alert.Message,
		dedupKey: alert.DedupKey, idempotencyKey: alert.IdempotencyKey,
	}}
	e := &d.event
	if e.id.IsZero() {
		e.id = NewEventID()
	}
	if e.timestamp.IsZero() {
		e.timestamp = now
	}
	context := alert.Context.String()
	head := make([]byte, 0, 300+len(e.source)+len(e.message)+len(context)+len(e.dedupKey))
	head = append(head, `{"event_id":"`...)
	head = append(head, e.id.String()...)
	head = append(head, `","timestamp":"`...)
	head = e.timestamp.AppendFormat(head, timeFormat)
	head = append(head, `","severity":"`...)
	head = append(head, e.severity.String()...)
	head = append(head, `","category":"`...)
	head = append(head, e.category.String()...)
	head = append(head, `","source":`...)
	head = appendQuoted(head, e.source)
	head = append(head, `,"message":`...)
	head = appendQuoted(head, e.message)
	head = append(head, `,"context":`...)
	e.contextStart = len(head)
	head = append(head, context...)
	e.contextEnd = len(head)
	head = append(head, `,"seq":`...)

	tail := make([]byte, 0, 64+len(e.dedupKey))
	tail = append(tail, `,"received_at":"`...)
	tail = e.receivedAt.AppendFormat(tail, timeFormat)
	tail = append(tail, '"')
	if e.dedupKey != "" {
		tail = append(tail, `,"dedup_key":`...)
		tail = appendQuoted(tail, e.dedupKey)
	}
	d.head, d.tail = head, append(tail, '}')
	return d
}

// finish gives the draft its number and returns the event. The draft must not
// be used again.
func (d *draft) finish(seq uint64) *Event {
	d.event.seq = seq
	whole := append(strconv.AppendUint(d.head, seq, 10), d.tail...)
	d.event.json = string(whole)
	event := d.event
	return &event
}

// appendQuoted appends text, which is valid UTF-8, as a JSON string.
func appendQuoted(dst []byte, text string) []byte {
	// The only error is invalid UTF-8, which is replaced, not lost.
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}
