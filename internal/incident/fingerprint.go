package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

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
	// ByRoute: what the route's group_by names.
	ByRoute Grouping = "group_by"
)

// GroupBy is what an event's key is made of. The zero value stands for the dedup_key, or else
// source, category and message.
type GroupBy struct {
	// Fields, if there are any, are all that the key is made of: source, category, message,
	// dedup_key, or context.NAME. Member returns a member of the context.
	Fields []string
	Member func(name string) (text string, ok bool)
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
	if len(by.Fields) > 0 {
		return keyOfFields(e, by)
	}
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

// keyOfFields returns the key that is made of fields alone. One that an event lacks is
// empty.
func keyOfFields(e *alerting.Event, by GroupBy) Key {
	parts := make([]string, 0, 2*len(by.Fields)+1)
	parts = append(parts, string(ByRoute))
	named := make([]identity, 0, len(by.Fields))
	for _, field := range by.Fields {
		value := ""
		switch name, member := strings.CutPrefix(field, "context."); {
		case member:
			value, _ = by.Member(name)
		case field == "source":
			value = e.Source()
		case field == "category":
			value = e.Category().String()
		case field == "message":
			value = Mask(e.Message())
		case field == "dedup_key":
			value = e.DedupKey()
		}
		shown := value
		if field == "message" {
			value = string(foldCase(make([]byte, 0, len(value)), value))
		}
		parts = append(parts, field, value)
		named = append(named, identity{field, shown})
	}
	return Key{fingerprint(parts...), ByRoute, strings.TrimPrefix(patternOf("", named), " ")}
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
