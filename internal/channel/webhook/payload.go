package webhook

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
)

// payload is the body. api/openapi.yaml has its schema, WebhookMessage.
type payload struct {
	Type string `json:"type"`
	// Timestamp is when it happened, not when it is sent.
	Timestamp string `json:"timestamp"`
	Data      data   `json:"data"`
}

type data struct {
	DeliveryID string          `json:"delivery_id"`
	Reason     incident.Reason `json:"reason"`
	Why        string          `json:"why"`
	NewEvents  uint64          `json:"new_events"`
	By         string          `json:"by,omitzero"`
	Note       string          `json:"note,omitzero"`
	URL        string          `json:"url,omitzero"`
	// Title and Body are what templates have made.
	Title         string `json:"title,omitzero"`
	Body          string `json:"body,omitzero"`
	TemplateError string `json:"template_error,omitzero"`
	// A digest has neither an incident nor an event.
	Incident incident.View        `json:"incident,omitzero"`
	Event    *event               `json:"event,omitzero"`
	Digest   *incident.DigestView `json:"digest,omitzero"`
}

type event struct {
	Seq              alerting.Seq   `json:"seq"`
	Context          jsontext.Value `json:"context"`
	ContextTruncated bool           `json:"context_truncated"`
}

// encode returns the body of a message, the same each time.
func encode(n channel.Notification) ([]byte, error) {
	notice := n.Notice
	d := data{
		DeliveryID: n.Key, Reason: notice.Reason, Why: notice.Why, NewEvents: notice.Since, By: notice.By, Note: notice.Note, URL: n.URL,
		Title: n.Worded.Title, Body: n.Worded.Body, TemplateError: n.TemplateError,
	}
	name := notice.Reason.String()
	if digest := notice.Digest; digest != nil {
		view := digest.View()
		d.Why, d.NewEvents, d.Digest = digest.Why, digest.Events, &view
	} else {
		d.Incident = notice.Incident.View()
		d.Event = &event{Seq: notice.Event, Context: notice.Context.Object(), ContextTruncated: notice.Context.Cut}
		if notice.Reason != incident.Test {
			name = "incident." + name
		}
	}
	body, err := json.Marshal(
		payload{Type: name, Timestamp: alerting.FormatTime(notice.At), Data: d},
		jsontext.AllowInvalidUTF8(true), // a message is not lost for a broken character
	)
	if err != nil {
		return nil, fmt.Errorf("encode the message: %w", err)
	}
	return body, nil
}

// Preview returns the body of the request.
func (Config) Preview(n channel.Notification) ([]byte, error) { return encode(n) }
