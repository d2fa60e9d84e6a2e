package channeltest

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
)

// mostError is how many bytes an error has at most. It is kept with each attempt.
const mostError = 2048

// requireSound checks what holds for every result.
func requireSound(tb testing.TB, r channel.Result) {
	tb.Helper()
	switch r.Outcome {
	case channel.Delivered:
		assert.Empty(tb, r.Error, "what was delivered has an error")
	case channel.Transient, channel.Permanent:
		assert.NotEmpty(tb, r.Error, "the operator is not told what went wrong")
	default:
		require.Fail(tb, "a result without an outcome")
	}
	assert.GreaterOrEqual(tb, r.RetryAfter, channel.Result{}.RetryAfter)
	assert.LessOrEqual(tb, len(r.Error), mostError, "the error is too long to be kept")
	assert.True(tb, utf8.ValidString(r.Error), "the error is not UTF-8")
	assert.Equal(tb, -1, strings.IndexFunc(r.Error, unicode.IsControl), "the error has control characters: %q", r.Error)
}

// requireSecret checks that neither a secret nor half of one is in what is shown of a
// result. The Thread is kept and never shown.
func (f Fixture) requireSecret(tb testing.TB, r channel.Result) {
	tb.Helper()
	for _, secret := range f.Secrets {
		require.NotEmpty(tb, secret)
		for _, part := range []string{secret, half(secret)} {
			assert.NotContains(tb, r.Error, part, "the error shows a secret")
		}
	}
}

// half returns the first half of a secret, or all of a short one.
func half(secret string) string {
	if len(secret) < 16 {
		return secret
	}
	return secret[:len(secret)/2]
}
