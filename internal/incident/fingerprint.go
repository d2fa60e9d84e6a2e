package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"alertd/internal/alerting"
)

// Fingerprint identifies a kind of event: the first half of a SHA-256 sum. The zero value
// is no fingerprint.
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

// Grouping says what a fingerprint is computed from.
type Grouping string

// The groupings.
const (
	// ByDedupKey: the client's dedup_key.
	ByDedupKey Grouping = "dedup_key"
	// ByMessage: the source, the category and the masked message.
	ByMessage Grouping = "message"
	// ByMessageAndContext: the same, and the identities in the context: see [GroupBy].
	ByMessageAndContext Grouping = "message_and_context"
)

// GroupBy is what an event's key has in addition to source, category and message. The zero
// value adds nothing.
type GroupBy struct {
	// IdentifyBy names members of the context's first level that identify what an event is
	// about. They count if they are strings or integers. Their order does not matter.
	IdentifyBy []string
}

// Key is the result of grouping an event.
type Key struct {
	Fingerprint Fingerprint
	Grouping    Grouping
	// Pattern is the dedup_key, or the message after [Mask] with the identities in the
	// context, such as: VaR # > # {account="7", position="BTC-EUR"}.
	Pattern string
}

// KeyOf returns the key of an event. It is made from the dedup_key alone, if there is one;
// else from the source, the category, the masked message in one case, and the identities in
// the context.
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

// fingerprint hashes texts. They must not contain NUL.
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
