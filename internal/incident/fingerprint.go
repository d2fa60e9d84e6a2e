package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"alertd/internal/alerting"
)

// Fingerprint is what makes events alike: the first half of a SHA-256 sum. The
// zero value is none.
type Fingerprint [16]byte

// String returns 32 hexadecimal digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// MarshalText returns what [Fingerprint.String] does.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads 32 hexadecimal digits.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	if len(text) != 2*len(f) {
		return errors.New("a fingerprint has 32 hexadecimal digits")
	}
	_, err := hex.Decode(f[:], text)
	return err
}

// Grouping says what made a fingerprint.
type Grouping string

// The groupings.
const (
	// ByDedupKey: the client's own key.
	ByDedupKey Grouping = "dedup_key"
	// ByMessage: the source, the category and the message without what varies.
	ByMessage Grouping = "message"
)

// Key is what an event is grouped by.
type Key struct {
	Fingerprint Fingerprint
	Grouping    Grouping
	// Pattern is the dedup_key, or the message as [Mask] has left it.
	Pattern string
}

// KeyOf returns what an event is grouped by: its dedup_key, whatever its source and
// category are, or else its source, category and masked message.
func KeyOf(e *alerting.Event) Key {
	if key := e.DedupKey(); key != "" {
		return Key{fingerprint(string(ByDedupKey), key), ByDedupKey, key}
	}
	pattern := Mask(e.Message())
	return Key{fingerprint(string(ByMessage), e.Category().String(), e.Source(), pattern), ByMessage, pattern}
}

// fingerprint hashes texts, none of which holds a NUL character.
func fingerprint(parts ...string) Fingerprint {
	size := 0
	for _, part := range parts {
		size += len(part) + 1
	}
	text := make([]byte, 0, size)
	for _, part := range parts {
		text = append(append(text, part...), 0)
	}
	sum := sha256.Sum256(text)
	return Fingerprint(sum[:len(Fingerprint{})])
}
