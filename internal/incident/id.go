package incident

import (
	"encoding/hex"

	"github.com/google/uuid"

	"alertd/internal/alerting"
)

// ID identifies an incident. It is a UUID of version 7, so that ids sort by time.
// The zero value is no id.
type ID uuid.UUID

// NewID returns a new UUID of version 7 (RFC 9562).
func NewID() ID { return ID(uuid.Must(uuid.NewV7())) }

// ParseID reads a UUID in its canonical form of 36 characters, in any case. The
// error is an [*alerting.Error] with [alerting.CodeInvalid].
func ParseID(text string) (ID, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 || id == uuid.Nil {
		return ID{}, invalid("incident_id", "must be a UUID such as 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55")
	}
	return ID(id), nil
}

// String returns the canonical form, lower case.
func (id ID) String() string { return uuid.UUID(id).String() }

// IsZero reports whether id is no id.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText returns what [ID.String] does.
func (id ID) MarshalText() ([]byte, error) { return uuid.UUID(id).MarshalText() }

// AppendText appends what [ID.String] returns, and no error.
func (id ID) AppendText(text []byte) ([]byte, error) {
	for i, part := range [...][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, part)
	}
	return text, nil
}

// UnmarshalText reads what [ParseID] does.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err == nil {
		*id = parsed
	}
	return err
}

func invalid(field, message string) *alerting.Error {
	return &alerting.Error{Code: alerting.CodeInvalid, Fields: []alerting.FieldError{{Field: field, Message: message}}}
}
