package alerting

import (
	"strconv"
	"time"
)

// Draft is an event that has no number in the log yet. Everything that does not
// depend on the number is done when the draft is made, outside the log's critical
// section. A draft must not be used concurrently.
type Draft struct {
	event Event
	// head and tail are the JSON before and after the number.
	head, tail     []byte
	idempotencyKey string
	idGiven        bool
	dispatch       bool
}

// NewDraft checks an alert that was received at now and makes a draft of it.
// The error is an [*Error] with [CodeInvalid] that names every field whose
// value is not allowed.
func NewDraft(alert Alert, now time.Time) (*Draft, error) {
	if problems := alert.normalize(); len(problems) > 0 {
		return nil, &Error{Code: CodeInvalid, Fields: problems}
	}
	return newDraft(&alert, now), nil
}

// newDraft makes a draft of a normalized alert that was received at now, unless
// the alert says when.
func newDraft(alert *Alert, now time.Time) *Draft {
	d := &Draft{idempotencyKey: alert.IdempotencyKey, idGiven: !alert.EventID.IsZero(), event: Event{
		id: alert.EventID, timestamp: alert.Timestamp, receivedAt: alert.ReceivedAt,
		severity: alert.Severity, category: alert.Category,
		source: alert.Source, message: alert.Message, dedupKey: alert.DedupKey, resolves: alert.Resolves,
	}}
	e := &d.event
	if e.id.IsZero() {
		e.id = NewEventID()
	}
	if e.receivedAt.IsZero() {
		e.receivedAt = now.UTC().Truncate(time.Microsecond)
	}
	if e.timestamp.IsZero() {
		e.timestamp = e.receivedAt
	}
	context := alert.Context.String()
	head := make([]byte, 0, 300+len(e.source)+len(e.message)+len(context)+len(e.dedupKey))
	head = append(head, layoutID...)
	head = append(head, e.id.String()...)
	head = append(head, layoutTimestamp...)
	head = e.timestamp.AppendFormat(head, timeFormat)
	head = append(head, layoutSeverity...)
	head = append(head, e.severity.String()...)
	head = append(head, layoutCategory...)
	head = append(head, e.category.String()...)
	head = append(head, layoutSource...)
	head = appendQuoted(head, e.source)
	head = append(head, layoutMessage...)
	head = appendQuoted(head, e.message)
	head = append(head, layoutContext...)
	e.contextStart = len(head)
	head = append(head, context...)
	e.contextEnd = len(head)
	head = append(head, layoutSeq...)

	tail := make([]byte, 0, 96+len(e.dedupKey))
	tail = append(tail, layoutReceivedAt...)
	tail = e.receivedAt.AppendFormat(tail, timeFormat)
	tail = append(tail, '"')
	if e.dedupKey != "" {
		tail = append(tail, layoutDedupKey...)
		tail = appendQuoted(tail, e.dedupKey)
	}
	if e.resolves {
		tail = append(tail, layoutResolves...)
	}
	d.head, d.tail = head, append(tail, '}')
	return d
}

// ID returns the identifier that the event will have.
func (d *Draft) ID() EventID { return d.event.id }

// IDGiven reports whether the client chose the identifier, so that the log may
// hold it already.
func (d *Draft) IDGiven() bool { return d.idGiven }

// IdempotencyKey returns the request's key, or "".
func (d *Draft) IdempotencyKey() string { return d.idempotencyKey }

// Dispatch reports whether alerting was enabled when the alert was registered. Only
// then are people told of the event. It is false for a draft of [NewDraft].
func (d *Draft) Dispatch() bool { return d.dispatch }

// Size returns about how many bytes the event's JSON will have.
func (d *Draft) Size() int { return len(d.head) + len(d.tail) + 20 }

// Finish gives the draft a number and returns the event. A log whose transaction
// failed may call it again with another number.
func (d *Draft) Finish(seq Seq) *Event {
	whole := append(strconv.AppendInt(d.head, int64(seq), 10), d.tail...)
	event := d.event
	event.seq, event.dispatch = seq, d.dispatch
	event.json = string(whole)
	return &event
}
