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
	NewEvents uint64        `json:"new_events"`
	By        string        `json:"by,omitzero"`
	Note      string        `json:"note,omitzero"`
	URL       string        `json:"url,omitzero"`
	Incident  incident.View `json:"incident"`
	// Context is the latest event's. ContextCut says that it has more.
	Context    jsontext.Value `json:"context"`
	ContextCut bool           `json:"context_cut,omitzero"`
}

// encode returns the line with its line break. People look at the file on a terminal, so it
// has no character that is not visible.
func encode(n channel.Notification) ([]byte, error) {
	text, err := json.Marshal(line{
		Time: alerting.FormatTime(n.Notice.At), Delivery: n.Key, Reason: n.Notice.Reason, Why: n.Notice.Why,
		NewEvents: n.Notice.Since, By: n.Notice.By, Note: n.Notice.Note, URL: n.URL,
		Incident: n.Notice.Incident.View(), Context: n.Notice.Context.Object(), ContextCut: n.Notice.Context.Cut,
	})
	return append([]byte(plaintext.EscapeJSON(string(text))), '\n'), err
}

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
