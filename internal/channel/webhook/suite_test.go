package webhook_test

import (
	"net/http"
	"testing"

	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/webhook"
)

func TestAWebhookKeepsTheRulesOfChannels(t *testing.T) {
	verifier := newVerifier(t, secret)
	channeltest.Run(t, channeltest.Fixture{
		New: func(tb testing.TB, address string) channel.Channel {
			tb.Helper()
			return newChannel(tb, webhook.Config{
				URL: "http://" + address + "/" + inURL, Secret: secret + " " + next, Headers: map[string]string{"Authorization": "Bearer " + token},
			})
		},
		Secrets: []string{secret, rawSecret, next, token, inURL},
		HTTP: &channeltest.HTTP{
			OK:  func(w http.ResponseWriter, _ *http.Request, _ []byte) { w.WriteHeader(http.StatusNoContent) },
			Key: func(r *http.Request, _ []byte) string { return r.Header.Get("webhook-id") },
			Check: func(r *http.Request, body []byte) string {
				if err := verifier.Verify(body, r.Header); err != nil {
					return err.Error()
				}
				if r.Header.Get("Authorization") != "Bearer "+token {
					return "the header of one's own is gone"
				}
				return ""
			},
		},
	})
}
