package channel

import (
	"strconv"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/plaintext"
)

// Render returns the message about a notice. key is the delivery's id, and
// publicURL the address of alertd, without a slash at its end; "" leaves out the link.
func Render(key string, notice incident.Notice, publicURL string) Notification {
	if notice.Digest != nil {
		return renderDigest(key, notice, publicURL)
	}
	i := notice.Incident
	n := Notification{
		Key: key, Notice: notice, Color: colorOf(i), Label: labelOf(notice), Title: line(i.Source + ": " + i.Message),
		Headline: headlineOf(notice), Body: plaintext.Lines(i.Message), Facts: factsOf(notice), Details: detailsOf(notice.Context), Cut: notice.Context.Cut,
	}
	if why := line(notice.Why); !strings.Contains(n.Headline, why) {
		n.Why = why
	}
	if note := plaintext.Lines(notice.Note); strings.TrimSpace(note) != "" {
		n.Note = note
	}
	if publicURL != "" && notice.Reason != incident.Test {
		n.URL = incidentURL(publicURL, i.ID)
	}
	return n
}

func incidentURL(publicURL string, id incident.ID) string {
	return publicURL + "/incidents/" + id.String()
}

// colorOf returns green for what is resolved, blue for what is acknowledged, and
// otherwise the colour of the severity.
func colorOf(i incident.Incident) Color {
	switch i.Status {
	case incident.Resolved:
		return Green
	case incident.Acknowledged:
		return Blue
	case incident.Triggered:
	}
	return colorOfSeverity(i.Severity)
}

func colorOfSeverity(s alerting.Severity) Color {
	switch s {
	case alerting.SeverityCritical:
		return Red
	case alerting.SeverityError:
		return Orange
	case alerting.SeverityWarning:
		return Yellow
	case alerting.SeverityInfo, alerting.SeverityDebug:
	}
	return Grey
}

func labelOf(notice incident.Notice) string {
	switch notice.Reason {
	case incident.WasResolved:
		return "RESOLVED"
	case incident.WasAcknowledged:
		return "ACKNOWLEDGED"
	case incident.Test:
		return "TEST"
	case incident.Digested:
		return "DIGEST"
	case incident.Opened, incident.SeverityRaised, incident.Updated:
	}
	return strings.ToUpper(notice.Incident.Severity.String())
}

func headlineOf(notice incident.Notice) string {
	number := "Incident " + strconv.FormatInt(int64(notice.Incident.Number), 10)
	switch notice.Reason {
	case incident.Opened:
		return number + " opened"
	case incident.SeverityRaised:
		return number + ": " + line(notice.Why)
	case incident.Updated:
		more := "1 more event"
		if notice.Since != 1 {
			more = strconv.FormatUint(notice.Since, 10) + " more events"
		}
		return number + ": " + more + ", still open"
	case incident.WasAcknowledged:
		return number + " acknowledged by " + line(notice.By)
	case incident.WasResolved:
		return number + " resolved by " + line(notice.By)
	case incident.Test:
		return "A test of this channel, nothing has happened"
	case incident.Digested:
	}
	return number
}

func factsOf(notice incident.Notice) []Fact {
	i := notice.Incident
	facts := []Fact{
		{"Severity", i.Severity.String()},
		{"Category", i.Category.String()},
		{"Source", line(i.Source)},
		{"Status", i.Status.String()},
		{"Events", strconv.FormatUint(i.Count, 10)},
		{"First seen", showTime(i.FirstSeen)},
		{"Last seen", showTime(i.LastSeen)},
	}
	if i.AcknowledgedBy != "" && notice.Reason != incident.WasAcknowledged {
		facts = append(facts, Fact{"Acknowledged by", line(i.AcknowledgedBy)})
	}
	return facts
}

func detailsOf(c incident.Context) []Fact {
	facts := make([]Fact, 0, len(c.Fields))
	for _, f := range c.Fields {
		facts = append(facts, Fact{line(f.Name), plaintext.Lines(f.Text())})
	}
	return facts
}

// line returns a text from outside as one printable line.
func line(text string) string { return plaintext.Lines(OneLine(text)) }

func showTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
