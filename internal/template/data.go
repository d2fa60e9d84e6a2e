package template

import (
	"strconv"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
	"alertd/internal/plaintext"
)

// Data is what a template sees of a message. Texts are printable, as package plaintext
// makes them; "" is none.
type Data struct {
	// Reason is why people are notified: opened, severity_raised, updated, acknowledged,
	// resolved, digest, or test. Why says it in words.
	Reason, Why string
	// Severity is the incident's highest so far: debug, info, warning, error or critical.
	// That of a digest is its worst incident's.
	Severity string
	// Category and Source are the incident's. Those of a digest are "" and alertd.
	Category, Source string
	// Message is the incident's latest, which may have several lines. That of a digest says
	// how many incidents were held back.
	Message string
	// Context has the members of the latest event's context: a text as it is, anything else
	// as its JSON. A name that is not there gives "".
	Context map[string]string
	// Incident is the zero value in a digest.
	Incident Incident
	// NewEvents is how many events there were since the last message.
	NewEvents uint64
	// By and Note are who acknowledged or resolved, and what they had to say.
	By, Note string
	// At is when it happened.
	At Time
	// URL is where to see more; "" if alertd does not know its own address.
	URL string
	// Channel and Route are the names of the message's.
	Channel, Route string
	// Digest is nil unless the reason is digest.
	Digest *Digest
}

// Incident is what a template sees of an incident.
type Incident struct {
	Number int64
	ID     string
	// Status is triggered, acknowledged or resolved.
	Status string
	// Count is how many events belong to it.
	Count               uint64
	FirstSeen, LastSeen Time
}

// Digest is what a template sees of incidents that were held back.
type Digest struct {
	// Since and Until are the times between which they were held back.
	Since, Until Time
	// Incidents is how many there are, and Events how many events of theirs were not told.
	Incidents int
	Events    uint64
	// BySeverity, ByCategory and BySource count the incidents. A tally prints as 3 critical.
	BySeverity, ByCategory, BySource []Tally
	// Worst are at most five of the incidents, the worst first.
	Worst []Item
}

// Tally is how many incidents have a severity, a category or a source.
type Tally struct {
	Name  string
	Count int
}

// String returns both, such as "3 critical".
func (t Tally) String() string { return strconv.Itoa(t.Count) + " " + t.Name }

// Item is one incident of a digest.
type Item struct {
	Number                            int64
	Severity, Source, Message, Status string
	// URL is where to see it; "" if alertd does not know its own address.
	URL string
}

// Time is a time that a template can print, or give to the function time. It has no other
// methods, so that their results need no limit.
type Time struct{ at time.Time }

// String returns the time in UTC, such as "2025-12-27 10:30:00 UTC".
func (t Time) String() string { return t.at.UTC().Format("2006-01-02 15:04:05 UTC") }

// DataOf returns what a template sees of a message that [channel.Render] has made.
func DataOf(n channel.Notification) Data {
	notice, i := n.Notice, n.Notice.Incident
	d := Data{
		Reason: notice.Reason.String(), Why: line(notice.Why), Message: n.Body, Context: make(map[string]string, len(n.Details)),
		NewEvents: notice.Since, By: line(notice.By), Note: n.Note, At: Time{notice.At}, URL: n.URL, Channel: n.Channel, Route: notice.Route,
	}
	for _, detail := range n.Details {
		d.Context[detail.Name] = detail.Value
	}
	if notice.Digest != nil {
		d.Severity, d.Source, d.Message, d.Why = notice.Digest.Severity().String(), alerting.OwnSource, n.Title, line(notice.Digest.Why)
		d.Digest = digestOf(notice.Digest, n.Items)
		return d
	}
	d.Severity, d.Category, d.Source = i.Severity.String(), i.Category.String(), line(i.Source)
	d.Incident = Incident{
		Number: int64(i.Number), ID: i.ID.String(), Status: i.Status.String(), Count: i.Count,
		FirstSeen: Time{i.FirstSeen}, LastSeen: Time{i.LastSeen},
	}
	return d
}

func digestOf(d *incident.Digest, items []channel.Item) *Digest {
	shown := &Digest{
		Since: Time{d.Since}, Until: Time{d.Until}, Incidents: d.Incidents, Events: d.Events,
		BySeverity: tallies(d.BySeverity), ByCategory: tallies(d.ByCategory), BySource: tallies(d.BySource),
	}
	for n, item := range d.Worst {
		shown.Worst = append(shown.Worst, Item{
			Number: int64(item.Number), Severity: item.Severity.String(), Source: line(item.Source), Message: plaintext.Lines(item.Message),
			Status: item.Status.String(), URL: items[n].URL,
		})
	}
	return shown
}

func tallies(counted []incident.Tally) []Tally {
	shown := make([]Tally, len(counted))
	for n, t := range counted {
		shown[n] = Tally{line(t.Name), t.Count}
	}
	return shown
}

// line returns a text from outside as one printable line.
func line(text string) string { return plaintext.Lines(channel.OneLine(text)) }
