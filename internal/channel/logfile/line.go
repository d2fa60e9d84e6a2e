package logfile

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
	"alertd/internal/plaintext"
)

// line is a message in the file. The same message makes the same line.
type line struct {
	// Time is when it happened, not when the line was written.
	Time     string          `json:"time"`
	Delivery string          `json:"delivery_id"`
	Reason   incident.Reason `json:"reason"`
	Why      string          `json:"why"`
	// NewEvents is how many events there were since the last notice.
	NewEvents uint64 `json:"new_events"`
	By        string `json:"by,omitzero"`
	Note      string `json:"note,omitzero"`
	URL       string `json:"url,omitzero"`
	// Title and Body are what templates have made.
	Title         string `json:"title,omitzero"`
	Body          string `json:"body,omitzero"`
	TemplateError string `json:"template_error,omitzero"`
	// A digest has neither an incident nor a context.
	Incident incident.View `json:"incident,omitzero"`
	// Context is the latest event's. ContextCut says that it has more.
	Context    jsontext.Value       `json:"context,omitzero"`
	ContextCut bool                 `json:"context_cut,omitzero"`
	Digest     *incident.DigestView `json:"digest,omitzero"`
}

// encode returns the line with its line break. People look at the file on a terminal, so it
// has no character that is not visible.
func encode(n channel.Notification) ([]byte, error) {
	notice := n.Notice
	l := line{
		Time: alerting.FormatTime(notice.At), Delivery: n.Key, Reason: notice.Reason, Why: notice.Why,
		NewEvents: notice.Since, By: notice.By, Note: notice.Note, URL: n.URL,
		Title: n.Worded.Title, Body: n.Worded.Body, TemplateError: n.TemplateError,
	}
	if digest := notice.Digest; digest != nil {
		view := digest.View()
		l.Why, l.NewEvents, l.Digest = digest.Why, digest.Events, &view
	} else {
		l.Incident, l.Context, l.ContextCut = notice.Incident.View(), notice.Context.Object(), notice.Context.Cut
	}
	text, err := json.Marshal(l)
	return append([]byte(plaintext.EscapeJSON(string(text))), '\n'), err
}

// Preview returns the line.
func (Config) Preview(n channel.Notification) ([]byte, error) { return encode(n) }

// timeOf returns the time of a line; zero if alertd has not written it.
func timeOf(text []byte) time.Time {
	var l struct {
		Time time.Time `json:"time"`
	}
	if json.Unmarshal(text, &l) != nil {
		return time.Time{}
	}
	return l.Time
}
