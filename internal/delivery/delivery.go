package delivery

import (
	"time"

	"github.com/google/uuid"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
)

// ID identifies a delivery, and so its message, however often that is sent. It is a
// UUID of version 7. The zero value is no id.
type ID uuid.UUID

// NewID returns a new UUID of version 7 (RFC 9562).
func NewID() ID { return ID(uuid.Must(uuid.NewV7())) }

// ParseID reads a UUID in its canonical form of 36 characters, in any case. The
// error is an [*alerting.Error] with [alerting.CodeInvalid].
func ParseID(text string) (ID, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 || id == uuid.Nil {
		return ID{}, channel.Invalid(alerting.FieldError{Field: "delivery_id", Message: "must be a UUID such as 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55"})
	}
	return ID(id), nil
}

// String returns the canonical form, lower case.
func (id ID) String() string { return uuid.UUID(id).String() }

// IsZero reports whether id is no id.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText returns what [ID.String] does.
func (id ID) MarshalText() ([]byte, error) { return uuid.UUID(id).MarshalText() }

// Delivery is one message to one channel about one incident.
type Delivery struct {
	ID         ID
	Number     Number
	Incident   incident.Number // the incident's number
	IncidentID incident.ID
	Notice     int // the number of its notice
	Reason     incident.Reason
	Channel    string
	Status     Status
	// CreatedAt is when it was planned, FinishedAt when it came to its end; zero: it
	// has not.
	CreatedAt, FinishedAt time.Time
	// DueAt is when the next attempt may begin.
	DueAt time.Time
	// GiveUpAt is when it fails unless it was delivered.
	GiveUpAt time.Time
	// Attempts is how many there were, retries by hand included.
	Attempts int
	// Error says what went wrong with the last attempt, or why there was none.
	Error string
	// FallbackFor is the delivery that failed and in whose place this one is; zero:
	// none.
	FallbackFor ID
	// Thread is what the channel has returned as [channel.Result.Thread].
	Thread string
}

// Attempt is one try to deliver.
type Attempt struct {
	// Number counts the attempts of a delivery from 1.
	Number   int
	At       time.Time
	Duration time.Duration
	Outcome  channel.Outcome
	// Code is the other side's: an HTTP status or an SMTP reply; 0: none.
	Code  int
	Error string
}

// Query asks for deliveries, the latest first. The zero value of a part lets
// everything pass.
type Query struct {
	Statuses []Status
	Channel  string
	Incident incident.ID
	// Before asks only for those with a smaller number; 0: all.
	Before Number
	// Limit is the most wanted, at least 1.
	Limit int
}

// Page is the answer to a [Query].
type Page struct {
	Deliveries []Delivery
	// More says that at least one further delivery matches.
	More bool
}
