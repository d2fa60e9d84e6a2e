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

// Delivery is one message to one target of one channel about one incident. Its key is
// the incident, the notice, the channel and the target: a target is told of a notice
// once.
type Delivery struct {
	ID     ID
	Number Number
	// Incident is the incident's number, IncidentID its id. Generation is that of the
	// incident when the notice was made.
	Incident   incident.Number
	IncidentID incident.ID
	Generation int
	// Notice is the number of the incident's notice that is told, and Reason its reason.
	Notice int
	Reason incident.Reason
	// Others are further incidents that the message is about, as in a digest.
	Others  []incident.Ref
	Channel string
	// Target is the address on the channel; "" for a channel without addresses.
	Target string
	Status Status
	// Ready says that a delivery that waits can be claimed now: it is the first of its
	// line, and its time has come.
	Ready bool
	// CreatedAt is when it was planned, FinishedAt when it came to its end; zero: it
	// has not.
	CreatedAt, FinishedAt time.Time
	// DueAt is when the next attempt may begin, at the earliest.
	DueAt time.Time
	// GiveUpAt is when it fails unless it was delivered.
	GiveUpAt time.Time
	// Attempts is how many there were, retries by hand included, and TriedAt when the
	// last one ended; zero: there was none.
	Attempts int
	TriedAt  time.Time
	// Error says what went wrong with the last attempt, or why there was none.
	Error string
	// Reported says that alertd has raised an alert about its failure.
	Reported bool
	// FallbackFor is the delivery that failed and whose place this one takes; zero:
	// none.
	FallbackFor ID
	// Thread is what the channel has returned as [channel.Result.Thread].
	Thread string
	// Claim is the random id of the attempt under way, and Lease when that claim ends by
	// itself, so that another replica sends what a dead process has left behind. They
	// are zero unless the delivery is being sent.
	Claim ID
	Lease time.Time
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
