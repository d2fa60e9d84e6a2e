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

// Grouping is what made a fingerprint.
type Grouping string

// The groupings.
const (
	// ByDedupKey: the client's own key.
	ByDedupKey Grouping = "dedup_key"
	// ByMessage: the source, the category and the message without what varies.
	ByMessage Grouping = "message"
	// ByMessageAndContext: the same, and what the context names: see [GroupBy].
	ByMessageAndContext Grouping = "message_and_context"
)

// GroupBy is what makes an event's key beside its source, category and message. The
// zero value adds nothing.
type GroupBy struct {
	// IdentifyBy names members of the context, at its first level, that say what an event
	// is about. They count where they are strings or integers. Their order does not matter.
	IdentifyBy []string
}

// Key is what an event is grouped by.
type Key struct {
	Fingerprint Fingerprint
	Grouping    Grouping
	// Pattern is the dedup_key, or the message as [Mask] has left it and what the context
	// names, such as: VaR # > # {account="7", position="BTC-EUR"}.
	Pattern string
}

// KeyOf returns what an event is grouped by: its dedup_key alone if it has one, else its
// source, category, masked message in one case, and what its context names.
func KeyOf(e *alerting.Event, by GroupBy) Key {
	if key := e.DedupKey(); key != "" {
		return Key{fingerprint(string(ByDedupKey), key), ByDedupKey, key}
	}
	mask := Mask(e.Message())
	parts := make([]string, 0, 16)
	parts = append(parts, string(ByMessage), e.Category().String(), e.Source(), string(foldCase(make([]byte, 0, len(mask)), mask)))
	named := identityOf(e.Context(), by.IdentifyBy)
	if len(named) == 0 {
		return Key{fingerprint(parts...), ByMessage, mask}
	}
	for _, n := range named {
		parts = append(parts, n.name, n.value)
	}
	return Key{fingerprint(parts...), ByMessageAndContext, patternOf(mask, named)}
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
