package pagerduty

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	api "github.com/PagerDuty/go-pagerduty"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
	"alertd/internal/plaintext"
)

// The limits of Events API v2.
const (
	mostSummary = 1024      // characters
	mostBody    = 512 << 10 // bytes
)

// The actions of Events API v2.
const (
	trigger     = "trigger"
	acknowledge = "acknowledge"
	resolve     = "resolve"
)

// details are shown by PagerDuty beside the summary.
type details struct {
	What string `json:"what"`
	Why  string `json:"why"`
	// Message is whole; the summary may be cut.
	Message   string            `json:"message"`
	Incident  incident.Number   `json:"incident"`
	Status    incident.Status   `json:"status"`
	Severity  alerting.Severity `json:"severity"`
	Category  alerting.Category `json:"category"`
	Events    uint64            `json:"events"`
	NewEvents uint64            `json:"new_events"`
	FirstSeen string            `json:"first_seen"`
	LastSeen  string            `json:"last_seen"`
	By        string            `json:"by,omitzero"`
	Note      string            `json:"note,omitzero"`
	Context   jsontext.Value    `json:"context,omitzero"`
	Cut       bool              `json:"context_truncated,omitzero"`
	Delivery  string            `json:"delivery_id"`
	Pattern   string            `json:"pattern,omitzero"`
	Grouping  incident.Grouping `json:"grouped_by,omitzero"`
	Template  string            `json:"template_error,omitzero"`
}

// digest is what PagerDuty shows beside the summary of a digest.
type digest struct {
	What    string `json:"what"`
	Why     string `json:"why"`
	Message string `json:"message"`
	incident.DigestView
	// Links have the worst incidents' addresses.
	Worst    []string `json:"worst"`
	Delivery string   `json:"delivery_id"`
	Template string   `json:"template_error,omitzero"`
}

// link is an entry of links.
type link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// triggers reports whether a message is a trigger of the incident's alert.
func triggers(r incident.Reason) bool {
	return r == incident.Opened || r == incident.SeverityRaised || r == incident.Updated
}

// follows reports whether a message is about an alert that was triggered before.
func follows(r incident.Reason) bool {
	return r == incident.WasAcknowledged || r == incident.WasResolved
}

// events returns the events of a message, in the order in which to send them.
func events(n channel.Notification, routingKey string) []api.V2Event {
	e := api.V2Event{RoutingKey: routingKey, DedupKey: n.Notice.Incident.ID.String()}
	switch n.Notice.Reason {
	case incident.WasAcknowledged:
		e.Action = acknowledge
		return []api.V2Event{e}
	case incident.WasResolved:
		e.Action = resolve
		return []api.V2Event{e}
	case incident.Opened, incident.SeverityRaised, incident.Updated:
		return []api.V2Event{triggered(e, n)}
	case incident.Digested:
		return []api.V2Event{digested(e, n)}
	case incident.Test:
	}
	e.DedupKey = "alertd-test-" + n.Key
	first := triggered(e, n)
	first.Payload.Severity = severity(alerting.SeverityInfo)
	e.Action = resolve
	return []api.V2Event{first, e}
}

// triggered returns the event as a trigger.
func triggered(e api.V2Event, n channel.Notification) api.V2Event {
	notice, i := n.Notice, n.Notice.Incident
	e.Action, e.Client, e.ClientURL = trigger, "alertd", n.URL
	if n.URL != "" {
		e.Links = []any{link{n.URL, fmt.Sprintf("Incident %d in alertd", i.Number)}}
	}
	e.Payload = &api.V2Payload{
		Summary: n.Subject(mostSummary), Source: i.Source, Severity: severity(i.Severity), Timestamp: alerting.FormatTime(i.LastSeen),
		Component: i.Source, Group: i.Category.String(), Class: i.Category.String(),
		Details: details{
			What: n.Headline, Why: notice.Why, Message: n.Body, Incident: i.Number, Status: i.Status,
			Severity: i.Severity, Category: i.Category, Events: i.Count, NewEvents: notice.Since,
			FirstSeen: alerting.FormatTime(i.FirstSeen), LastSeen: alerting.FormatTime(i.LastSeen),
			By: notice.By, Note: notice.Note, Context: notice.Context.Object(), Cut: notice.Context.Cut,
			Delivery: n.Key, Pattern: i.Pattern, Grouping: i.Grouping, Template: n.TemplateError,
		},
	}
	return e
}

// digested returns the event as a trigger of the alert that all digests of a channel share.
func digested(e api.V2Event, n channel.Notification) api.V2Event {
	e.Action, e.Client, e.ClientURL, e.DedupKey = trigger, "alertd", n.URL, "alertd digest "+n.Channel
	shown := digest{
		What: n.Headline, Why: n.Notice.Digest.Why, Message: n.Body, DigestView: n.Notice.Digest.View(), Delivery: n.Key, Template: n.TemplateError,
	}
	for _, item := range n.Items {
		shown.Worst = append(shown.Worst, channel.Shorten(item.Name+": "+item.Text, mostSummary))
		if item.URL != "" {
			e.Links = append(e.Links, link{item.URL, item.Name + " in alertd"})
		}
	}
	e.Payload = &api.V2Payload{
		Summary: n.Subject(mostSummary), Source: alerting.OwnSource, Severity: severity(n.Notice.Digest.Severity()),
		Timestamp: alerting.FormatTime(n.Notice.Digest.Until), Component: alerting.OwnSource, Details: shown,
	}
	return e
}

// severity returns PagerDuty's word for a severity.
func severity(s alerting.Severity) string {
	switch s {
	case alerting.SeverityCritical, alerting.SeverityError, alerting.SeverityWarning:
		return s.String()
	case alerting.SeverityInfo, alerting.SeverityDebug:
	}
	return alerting.SeverityInfo.String()
}

// encode returns an event's JSON. An event that is too large for PagerDuty loses its
// context, and then the ends of its texts.
func encode(e api.V2Event) ([]byte, error) {
	body, err := marshal(e)
	if err != nil || len(body) <= mostBody {
		return body, err
	}
	shown, ok := e.Payload.Details.(details)
	if !ok {
		return body, nil
	}
	shown.Context, shown.Cut = nil, true
	if body, err = withDetails(e, shown); err != nil || len(body) <= mostBody {
		return body, err
	}
	const most = 4096 // characters, far below the limit together
	for _, text := range []*string{&shown.What, &shown.Why, &shown.Message, &shown.By, &shown.Note, &shown.Pattern} {
		*text = channel.Shorten(*text, most)
	}
	return withDetails(e, shown)
}

func withDetails(e api.V2Event, shown details) ([]byte, error) {
	payload := *e.Payload
	payload.Details = shown
	e.Payload = &payload
	return marshal(e)
}

func marshal(e api.V2Event) ([]byte, error) {
	body, err := json.Marshal(e, jsontext.AllowInvalidUTF8(true)) // a message is not lost for a broken character
	if err == nil {
		body, err = readable(body)
	}
	if err != nil {
		return nil, fmt.Errorf("encode the event: %w", err)
	}
	return body, nil
}

// readable makes every text of a JSON value plain: PagerDuty shows them to people.
func readable(value []byte) ([]byte, error) {
	var out bytes.Buffer
	from, to := jsontext.NewDecoder(bytes.NewReader(value)), jsontext.NewEncoder(&out, jsontext.AllowDuplicateNames(true))
	for {
		token, err := from.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return bytes.TrimSpace(out.Bytes()), nil
		case err != nil:
			return nil, err
		case token.Kind() == '"':
			token = jsontext.String(plaintext.Lines(token.String()))
		}
		if err := to.WriteToken(token); err != nil {
			return nil, err
		}
	}
}
