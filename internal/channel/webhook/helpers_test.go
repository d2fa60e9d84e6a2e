package webhook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/channel/webhook"
)

// The secrets of tests.
const (
	secret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	rawSecret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	next      = "whsec_bmV4dC1zZWNyZXQtb2YtdGhlLXJlY2VpdmVy"
	token     = "tok-5f2c7a3e9d10"
	inURL     = "T00000000-hook-4b9f"
)

// received is what a receiver gets for each message.
type received struct {
	header http.Header
	body   string
}

// send sends a message to a receiver and returns what came, and the result.
func send(tb testing.TB, c webhook.Config, n channel.Notification, status int) (received, channel.Result) {
	tb.Helper()
	var got received
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(tb, err)
		got = received{r.Header.Clone(), string(body)}
		got.header.Set("Host", r.Host)
		w.WriteHeader(status)
		_, _ = w.Write([]byte("said the receiver")) // 204 has no body
	}))
	defer server.Close()
	if c.URL == "" {
		c.URL = server.URL + "/" + inURL
	} else {
		c.APIURL = server.URL
	}
	ch := newChannel(tb, c)
	result := ch.Send(tb.Context(), n)
	require.NoError(tb, ch.Close())
	return got, result
}

func newVerifier(tb testing.TB, secret string) *standardwebhooks.Webhook {
	tb.Helper()
	verifier, err := standardwebhooks.NewWebhook(secret)
	require.NoError(tb, err)
	return verifier
}

func newChannel(tb testing.TB, c webhook.Config) *webhook.Channel {
	tb.Helper()
	ch, err := webhook.New(c)
	require.NoError(tb, err)
	return ch
}
