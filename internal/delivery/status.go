package delivery

import (
	"fmt"
	"math"
	"strings"

	"alertd/internal/alerting"
	"alertd/internal/channel"
)

// Status is the state of a delivery. The zero value is none.
type Status uint8

// The statuses.
const (
	// Waiting: to be sent, or to be sent again.
	Waiting Status = iota + 1
	// Sending: an attempt is under way.
	Sending
	// Delivered: the other side accepted it.
	Delivered
	// Failed: given up. It can be retried by hand.
	Failed
	// Superseded: a later message made it unnecessary.
	Superseded
)

// statusNames is indexed by the status; index 0 is none.
var statusNames = [...]string{"", "waiting", "sending", "delivered", "failed", "superseded"}

// Statuses returns every status.
func Statuses() []Status { return []Status{Waiting, Sending, Delivered, Failed, Superseded} }

// ParseStatus reads a status' name in any case. The error is an
// [*alerting.Error] with [alerting.CodeInvalid].
func ParseStatus(name string) (Status, error) {
	for _, s := range Statuses() {
		if strings.EqualFold(statusNames[s], name) {
			return s, nil
		}
	}
	return 0, channel.Invalid(alerting.FieldError{Field: "status", Message: "must be one of " + strings.Join(statusNames[1:], ", ")})
}

// StatusOf returns the status with a stored number. A number written by a newer alertd is
// kept.
func StatusOf(number int64) Status { return Status(max(0, min(number, math.MaxUint8))) }

// String returns the name, or the number of an unknown status.
func (s Status) String() string {
	if s < Waiting || s > Superseded {
		return fmt.Sprintf("status_%d", uint8(s))
	}
	return statusNames[s]
}

// MarshalText writes the name.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
