package httpapi

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// cursorKind is the form of the cursors of one list in one order, so that no other
// takes them. A cursor is opaque to clients. It holds the number of the last entry
// of a page, so that new entries do not shift the next one.
type cursorKind string

// The forms that this version makes.
const (
	eventCursor             cursorKind = "v1."
	ascendingEventCursor    cursorKind = "a1."
	incidentCursor          cursorKind = "i1."
	ascendingIncidentCursor cursorKind = "n1."
	deliveryCursor          cursorKind = "d1."
	silenceCursor           cursorKind = "s1."
	auditCursor             cursorKind = "u1."
	ascendingAuditCursor    cursorKind = "w1."
)

func (k cursorKind) encode(number int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(string(k) + strconv.FormatInt(number, 10)))
}

// decode returns the number in a cursor. It accepts only what encode returns.
func (k cursorKind) decode(cursor string) (int64, bool) {
	plain, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return 0, false
	}
	digits, ok := strings.CutPrefix(string(plain), string(k))
	if !ok {
		return 0, false
	}
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || number <= 0 || k.encode(number) != cursor {
		return 0, false
	}
	return number, true
}

// next returns the cursor after the entry with a number, or nil at the end.
func (k cursorKind) next(number int64, more bool) *string {
	if !more {
		return nil
	}
	return new(k.encode(number))
}
