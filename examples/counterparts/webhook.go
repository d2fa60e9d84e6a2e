package main

import (
	"encoding/json"
	"io"
	"net/http"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// receiver receives webhooks.
type receiver struct {
	hook  *standardwebhooks.Webhook
	lines *printer
}

func newReceiver(secret string, lines *printer) (*receiver, error) {
	hook, err := standardwebhooks.NewWebhook(secret)
	return &receiver{hook, lines}, err
}

// ServeHTTP refuses a message without a valid signature.
func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return // the sender has left, or has no end
	}
	var message struct {
		Type string `json:"type"`
	}
	if err := rc.hook.Verify(body, r.Header); err != nil || json.Unmarshal(body, &message) != nil {
		rc.lines.say("webhook refused: the signature is bad")
		http.Error(w, "the signature is bad", http.StatusUnauthorized)
		return
	}
	rc.lines.say("webhook %s, %s, the signature is good", message.Type, r.Header.Get(standardwebhooks.HeaderWebhookID))
	w.WriteHeader(http.StatusNoContent)
}
