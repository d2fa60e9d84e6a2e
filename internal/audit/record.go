package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/access"
)

// Record is an entry in the log. It does not change once it is sealed.
type Record struct {
	// Number is its place, from 1, ascending by one.
	Number int64
	// At is when it was done, in UTC, to the microsecond. Times may go back from one
	// record to the next: an action may have waited for another one's end.
	At time.Time
	Entry
	// Previous is the hash of the record before it, zero for the first one.
	Previous Hash
	// Hash is that of all of the above.
	Hash Hash
}

// Hash is a record's SHA-256.
type Hash [sha256.Size]byte

// String returns the hash as 64 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads 64 hexadecimal digits, in lower case.
func ParseHash(text string) (h Hash, err error) {
	digits, err := hex.DecodeString(text)
	if err != nil || copy(h[:], digits) != len(h) || h.String() != text {
		return Hash{}, errors.New("is not 64 hexadecimal digits in lower case")
	}
	return h, nil
}

// Mark is a place in the chain: the number and the hash of a record. The zero mark is
// before the first record.
type Mark struct {
	Number int64
	Hash   Hash
}

// String returns the number and the hash with a colon between them.
func (m Mark) String() string { return strconv.FormatInt(m.Number, 10) + ":" + m.Hash.String() }

// ParseMark reads what [Mark.String] returns. The error says what is allowed.
func ParseMark(text string) (m Mark, err error) {
	number, hash, ok := strings.Cut(text, ":")
	m.Number, err = strconv.ParseInt(number, 10, 64)
	if err == nil {
		m.Hash, err = ParseHash(hash)
	}
	if !ok || err != nil || m.Number < 1 {
		return Mark{}, errors.New("must be the number of a record, a colon, and its hash of 64 hexadecimal digits")
	}
	return m, nil
}

// Mark returns the record's place.
func (r Record) Mark() Mark { return Mark{r.Number, r.Hash} }

// Seal makes the record that follows a place in the chain. The entry is cut to what a
// record may hold.
func Seal(previous Mark, at time.Time, e Entry) Record {
	r := Record{
		Number: previous.Number + 1, At: at.UTC().Truncate(time.Microsecond), Entry: e.bounded(), Previous: previous.Hash,
	}
	r.Hash = r.sum()
	return r
}

// sum returns the hash that the record must have.
func (r Record) sum() Hash {
	text, err := r.encode(nil)
	if err != nil { // it cannot have been sealed so
		return Hash{}
	}
	return sha256.Sum256(text)
}

// layout is a record as JSON. What a record lacks is null.
type layout struct {
	Number   int64          `json:"number"`
	At       string         `json:"at"`
	Actor    string         `json:"actor"`
	Kind     access.Kind    `json:"kind"`
	For      *string        `json:"for"`
	Address  *string        `json:"address"`
	Action   Action         `json:"action"`
	Object   *string        `json:"object"`
	Before   jsontext.Value `json:"before"`
	After    jsontext.Value `json:"after"`
	Previous string         `json:"previous"`
	Hash     *string        `json:"hash,omitzero"`
}

const timeLayout = "2006-01-02T15:04:05.000000Z"

// encode returns the record's canonical JSON. Without a hash that is what is hashed.
func (r Record) encode(hash *string) (jsontext.Value, error) {
	text, err := json.Marshal(layout{
		Number: r.Number, At: r.At.UTC().Format(timeLayout), Actor: r.Actor, Kind: r.Kind, For: maybe(r.For), Address: maybe(r.Address),
		Action: r.Action, Object: maybe(r.Object), Before: r.Before, After: r.After, Previous: r.Previous.String(), Hash: hash,
	})
	if err != nil {
		return nil, err
	}
	return canonicalOf(text)
}

func maybe(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// MarshalJSON returns the record as canonical JSON, with its hash.
func (r Record) MarshalJSON() ([]byte, error) {
	hash := r.Hash.String()
	return r.encode(&hash)
}

// UnmarshalJSON reads what [Record.MarshalJSON] returns, perhaps with other space between
// the values, with more escapes, or with its members in another order. Anything else is an
// error: a record that somebody has written in another way was changed. Whether it has the right hash is for a
// [Verifier].
func (r *Record) UnmarshalJSON(text []byte) error {
	canonical, err := canonicalOf(text)
	if err != nil {
		return fmt.Errorf("is not a record: %w", err)
	}
	var l layout
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("is not a record: %w", err)
	}
	at, err := time.Parse(timeLayout, l.At)
	if err != nil {
		return fmt.Errorf("is not a record: at %w", err)
	}
	read := Record{Number: l.Number, At: at, Entry: Entry{
		Actor: l.Actor, Kind: l.Kind, For: orEmpty(l.For), Address: orEmpty(l.Address), Action: l.Action, Object: orEmpty(l.Object),
	}}
	if read.Previous, err = ParseHash(l.Previous); err != nil {
		return fmt.Errorf("is not a record: previous %w", err)
	}
	if read.Hash, err = ParseHash(orEmpty(l.Hash)); err != nil {
		return fmt.Errorf("is not a record: hash %w", err)
	}
	for _, value := range []struct {
		name string
		from jsontext.Value
		into *jsontext.Value
	}{{"before", l.Before, &read.Before}, {"after", l.After, &read.After}} {
		if *value.into, err = ReadValue(value.from); err != nil {
			return fmt.Errorf("is not a record as alertd writes it: %s %w", value.name, err)
		}
	}
	// Members that are not known, or are missing, and values that only mean the same.
	if again, err := read.MarshalJSON(); err != nil || !bytes.Equal(again, canonical) {
		return errors.New("is not a record as alertd writes it")
	}
	*r = read
	return nil
}

// ReadValue returns Before or After as it was sealed, from JSON of the same value; null
// stands for nothing. The error says that it cannot have been sealed so: the canonical
// form alone would not tell one long number from another.
func ReadValue(text jsontext.Value) (jsontext.Value, error) {
	canonical, err := canonicalOf(text)
	if err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	digits := text.Clone() // all is canonical but the numbers
	if err := digits.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)); err != nil || !bytes.Equal(digits, canonical) {
		return nil, errors.New("has a number that is not in its canonical form")
	}
	if string(canonical) == "null" {
		return nil, nil
	}
	return canonical, nil
}
