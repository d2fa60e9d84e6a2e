package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math/big"
	"strings"
)

// A token is the prefix, 256 random bits in base 62, and the CRC-32 (IEEE) of all that
// in base 62. By the prefix and the checksum a scanner for leaked secrets can tell a real
// token from text that looks like one.
const (
	// SecretPrefix begins every token.
	SecretPrefix = "alertd_"

	randomBytes    = 32
	randomDigits   = 43 // of base 62, for 256 bits
	checksumDigits = 6  // of base 62, for 32 bits
	secretLength   = len(SecretPrefix) + randomDigits + checksumDigits
)

// Secret is a token as its owner holds it, in the right form. It hides itself from logs.
type Secret struct{ text string }

// ErrNotSecret says that a text is not a token: it was cut, mistyped, or is something else.
var ErrNotSecret = errors.New("is not a token of alertd: a token is " + SecretPrefix +
	" and 49 letters and digits; the last 6 are a checksum")

// NewSecret makes a token.
func NewSecret() Secret {
	var random [randomBytes]byte
	_, _ = rand.Read(random[:]) // it never fails
	return secretOf(random)
}

func secretOf(random [randomBytes]byte) Secret {
	body := SecretPrefix + base62(new(big.Int).SetBytes(random[:]), randomDigits)
	return Secret{body + checksum(body)}
}

// ParseSecret returns a text as a token. It says nothing about whether anybody knows it.
// The error is [ErrNotSecret], and does not quote the text.
func ParseSecret(text string) (Secret, error) {
	if len(text) != secretLength || !strings.HasPrefix(text, SecretPrefix) {
		return Secret{}, ErrNotSecret
	}
	body := text[:secretLength-checksumDigits]
	if checksum(body) != text[len(body):] {
		return Secret{}, ErrNotSecret
	}
	for _, c := range []byte(body[len(SecretPrefix):]) {
		if !isBase62(c) {
			return Secret{}, ErrNotSecret
		}
	}
	return Secret{text}, nil
}

func checksum(body string) string {
	digits := [checksumDigits]byte{}
	sum := crc32.ChecksumIEEE([]byte(body))
	for i := checksumDigits - 1; i >= 0; i-- {
		digits[i] = alphabet[sum%62]
		sum /= 62
	}
	return string(digits[:])
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func isBase62(c byte) bool { return strings.IndexByte(alphabet, c) >= 0 }

// base62 returns a number with leading zeros.
func base62(n *big.Int, digits int) string {
	text := make([]byte, digits)
	base, digit := big.NewInt(62), new(big.Int)
	for i := digits - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		text[i] = alphabet[digit.Int64()]
	}
	return string(text)
}

// Reveal returns the token itself, for its owner alone.
func (s Secret) Reveal() string { return s.text }

// Hash returns what alertd keeps of the token.
func (s Secret) Hash() Hash { return sha256.Sum256([]byte(s.text)) }

// String hides the token.
func (Secret) String() string { return "<secret>" }

// GoString hides the token.
func (Secret) GoString() string { return "<secret>" }

// MarshalText hides the token.
func (Secret) MarshalText() ([]byte, error) { return []byte("<secret>"), nil }

// Hash is the SHA-256 of a token. A token has 256 random bits, so it needs no salt and no
// slow hash.
type Hash [sha256.Size]byte

const hashPrefix = "sha256:"

// ParseHash reads "sha256:" and 64 hexadecimal digits. The error says what is allowed.
func ParseHash(text string) (h Hash, err error) {
	digits, ok := strings.CutPrefix(text, hashPrefix)
	if n, err := hex.Decode(h[:], []byte(fitting(digits))); !ok || err != nil || n != len(h) {
		return Hash{}, fmt.Errorf("must be %s and 64 hexadecimal digits, as alertd token new prints it", hashPrefix)
	}
	return h, nil
}

// fitting returns digits, or nothing if there are too many for a hash.
func fitting(digits string) string {
	if len(digits) > hex.EncodedLen(sha256.Size) {
		return ""
	}
	return digits
}

// String returns the hash as the configuration has it.
func (h Hash) String() string { return hashPrefix + hex.EncodeToString(h[:]) }
