package alerting

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Limits of an alert's fields, in characters (Unicode code points).
const (
	MaxSourceLength         = 255
	MaxMessageLength        = 8192
	MaxDedupKeyLength       = 255
	MaxIdempotencyKeyLength = 255
)

// EventID identifies an event. Ids that alertd makes are UUIDs of version 7, so
// they sort by time; ids that clients give may be of any version. The zero
// value is no id.
type EventID uuid.UUID

// NewEventID returns a new UUID of version 7 (RFC 9562).
func NewEventID() EventID { return EventID(uuid.Must(uuid.NewV7())) }

// ParseEventID reads a UUID in its canonical form of 36 characters, in any
// case; the nil UUID is refused. The error is an [*Error] with [CodeInvalid].
func ParseEventID(text string) (EventID, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 || id == uuid.Nil {
		return EventID{}, invalidField("event_id", "%s is not allowed, must be a UUID such as 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55", quoteShort(text))
	}
	return EventID(id), nil
}

// String returns the canonical form, lower case.
func (id EventID) String() string { return uuid.UUID(id).String() }

// IsZero reports whether id is no id.
func (id EventID) IsZero() bool { return id == EventID{} }

// Alert is what a risk component reports. It is input: [Manager.Register]
// makes an [Event] of it.
type Alert struct {
	// Severity and Category are required.
	Severity Severity
	Category Category
	// Source names the component that reports: 1 to 255 characters after
	// trimming white space.
	Source string
	// Message is for people: 1 to 8192 characters, not only white space.
	Message string
	// Context holds any further data.
	Context Context
	// Timestamp says when it happened, from the year 1970 to 9999; it is kept to
	// the microsecond. The zero value stands for the time of registration.
	Timestamp time.Time
	// ReceivedAt is when it was first registered, for an event that comes from
	// another log ([DecodeRecord]). The zero value stands for now.
	ReceivedAt time.Time
	// EventID, if given, makes registering idempotent: an id that is known
	// already answers with the first event and stores nothing.
	EventID EventID
	// DedupKey, if given (1 to 255 characters), says which alerts are alike,
	// in place of the fingerprint that alertd works out.
	DedupKey string
	// Resolves says that what is alike is over: the open incident with the same
	// fingerprint is resolved, and none is opened.
	Resolves bool
	// IdempotencyKey, if given (1 to 255 printable ASCII characters), does
	// the same as EventID, for clients that do not make UUIDs.
	IdempotencyKey string
}

// normalize trims the source, truncates the timestamp, and returns every
// problem of the alert.
func (a *Alert) normalize() []FieldError {
	var problems []FieldError
	problem := func(err *Error) {
		if err != nil {
			problems = append(problems, err.Fields...)
		}
	}
	if !a.Severity.Valid() {
		problem(invalidField("severity", "is missing or invalid, must be one of %s", strings.Join(severityNames[1:], ", ")))
	}
	if !a.Category.Valid() {
		problem(invalidField("category", "is missing or invalid, must be one of %s", strings.Join(categoryNames[1:], ", ")))
	}
	a.Source = strings.TrimSpace(a.Source)
	problem(checkText("source", a.Source, MaxSourceLength))
	if strings.TrimSpace(a.Message) == "" {
		problem(invalidField("message", "is missing or empty, must have 1 to %d characters", MaxMessageLength))
	} else {
		problem(checkText("message", a.Message, MaxMessageLength))
	}
	if a.DedupKey != "" {
		problem(checkText("dedup_key", a.DedupKey, MaxDedupKeyLength))
	}
	if a.IdempotencyKey != "" {
		problem(CheckIdempotencyKey(a.IdempotencyKey))
	}
	problem(normalizeTime("timestamp", &a.Timestamp))
	problem(normalizeTime("received_at", &a.ReceivedAt))
	return problems
}

// normalizeTime truncates a time to what events keep and checks its year. The zero
// time stays as it is.
func normalizeTime(field string, t *time.Time) *Error {
	if t.IsZero() {
		return nil
	}
	*t = t.UTC().Truncate(time.Microsecond)
	if year := t.Year(); year < 1970 || year > 9999 {
		return outOfRange(field, *t)
	}
	return nil
}

func outOfRange(field string, t time.Time) *Error {
	return invalidField(field, "%s is out of range, must be from the year 1970 to 9999", t.Format(time.RFC3339))
}

// Validate returns nil or an [*Error] with [CodeInvalid] that names every field
// with a value that is not allowed, and says what is allowed.
func (a Alert) Validate() error {
	if problems := a.normalize(); len(problems) > 0 {
		return &Error{Code: CodeInvalid, Fields: problems}
	}
	return nil
}

// CheckIdempotencyKey checks that an Idempotency-Key has 1 to 255 printable ASCII
// characters. The error has [CodeInvalid].
func CheckIdempotencyKey(key string) *Error {
	bad := len(key) == 0 || len(key) > MaxIdempotencyKeyLength ||
		strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' })
	if bad {
		return invalidField("Idempotency-Key", "must have 1 to %d printable ASCII characters", MaxIdempotencyKeyLength)
	}
	return nil
}

// checkText checks a string that must have 1 to most characters of valid UTF-8
// without NUL.
func checkText(field, text string, most int) *Error {
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return invalidField(field, "is missing or empty, must have 1 to %d characters", most)
	case n > most:
		return invalidField(field, "has %d characters, must have 1 to %d", n, most)
	case strings.IndexByte(text, 0) >= 0:
		return invalidField(field, "contains a NUL character, which is not allowed")
	case !utf8.ValidString(text):
		return invalidField(field, "is not valid UTF-8")
	}
	return nil
}
