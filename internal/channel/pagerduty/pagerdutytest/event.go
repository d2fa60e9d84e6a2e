package pagerdutytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// The documented limits.
const (
	mostBody       = 512 << 10 // bytes
	mostDedupKey   = 255       // characters
	mostSummary    = 1024      // characters
	routingKeySize = 32        // characters
)

// The actions of an event.
const (
	Trigger     = "trigger"
	Acknowledge = "acknowledge"
	Resolve     = "resolve"
)

// Event is one request to /v2/enqueue.
type Event struct {
	RoutingKey string   `json:"routing_key"`
	Action     string   `json:"event_action"`
	DedupKey   string   `json:"dedup_key"`
	Client     string   `json:"client"`
	ClientURL  string   `json:"client_url"`
	Links      []Link   `json:"links"`
	Images     []Image  `json:"images"`
	Payload    *Payload `json:"payload"`
}

// Payload is what a trigger is about.
type Payload struct {
	Summary   string         `json:"summary"`
	Source    string         `json:"source"`
	Severity  string         `json:"severity"`
	Timestamp string         `json:"timestamp"`
	Component string         `json:"component"`
	Group     string         `json:"group"`
	Class     string         `json:"class"`
	Details   map[string]any `json:"custom_details"`
}

// Link is a link of an event.
type Link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// Image is an image of an event.
type Image struct {
	Src  string `json:"src"`
	Href string `json:"href"`
	Alt  string `json:"alt"`
}

// read decodes an event and returns all its problems.
func read(body []byte) (Event, []string) {
	var e Event
	if !utf8.Valid(body) {
		return e, []string{"the body is not UTF-8"}
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return e, []string{err.Error()}
	}
	if decoder.More() {
		return e, []string{"there is more than one JSON value"}
	}
	return e, e.problems()
}

func (e *Event) problems() []string {
	var p problems
	p.check(utf8.RuneCountInString(e.RoutingKey) == routingKeySize, "Length of 'routing_key' is incorrect (should be %d characters)", routingKeySize)
	p.check(e.Action == Trigger || e.Action == Acknowledge || e.Action == Resolve,
		"'event_action' is invalid (must be one of trigger, acknowledge, resolve)")
	p.check(utf8.RuneCountInString(e.DedupKey) <= mostDedupKey, "'dedup_key' is too long (at most %d characters)", mostDedupKey)
	if e.Action == Acknowledge || e.Action == Resolve {
		p.check(e.DedupKey != "", "'dedup_key' is missing or blank")
	}
	if e.Action == Trigger && e.Payload == nil {
		p.check(false, "'payload' is missing or blank")
	}
	if e.Payload != nil {
		e.Payload.problems(&p)
	}
	for _, l := range e.Links {
		p.check(l.Href != "", "'links.href' is missing or blank")
	}
	for _, i := range e.Images {
		p.check(strings.HasPrefix(i.Src, "https://"), "'images.src' is not an https URL")
	}
	return p
}

func (l *Payload) problems(p *problems) {
	p.check(strings.TrimSpace(l.Summary) != "", "'payload.summary' is missing or blank")
	p.check(utf8.RuneCountInString(l.Summary) <= mostSummary, "'payload.summary' is too long (at most %d characters)", mostSummary)
	p.check(strings.TrimSpace(l.Source) != "", "'payload.source' is missing or blank")
	switch l.Severity {
	case "critical", "error", "warning", "info":
	default:
		p.check(false, "'payload.severity' is invalid (must be one of critical, error, warning, info)")
	}
	p.check(l.Timestamp == "" || isTime(l.Timestamp), "'payload.timestamp' is not ISO 8601")
}

// isTime reports whether a text is a time in ISO 8601 with an offset.
func isTime(text string) bool {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
		if _, err := time.Parse(layout, text); err == nil { // a fraction may follow the seconds
			return true
		}
	}
	return false
}

// problems collects the problems of an event.
type problems []string

func (p *problems) check(ok bool, format string, values ...any) {
	if !ok {
		*p = append(*p, fmt.Sprintf(format, values...))
	}
}
