package httpapi

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// cursorPrefix is the form of the cursors that this version makes. A cursor is
// opaque to clients: it says after which event, by its number in the log, the
// next page begins, so new events do not disturb it.
const cursorPrefix = "v1."

func encodeCursor(seq uint64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorPrefix + strconv.FormatUint(seq, 10)))
}

// decodeCursor returns the number in a cursor. Only what encodeCursor makes is
// accepted.
func decodeCursor(cursor string) (uint64, bool) {
	plain, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return 0, false
	}
	digits, ok := strings.CutPrefix(string(plain), cursorPrefix)
	if !ok {
		return 0, false
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || seq == 0 || encodeCursor(seq) != cursor {
		return 0, false
	}
	return seq, true
}
