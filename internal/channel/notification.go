package channel

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// Notification is one message to one channel.
type Notification struct {
	// Key is the delivery's id, a UUID. A message that is sent again has the same.
	Key string
	// Target is the recipient that the message is for, one of [Targeted.Targets]; "" is
	// the whole channel.
	Target string
	// Notice is what is to be told. Of a test ([incident.Test]) its incident has an
	// id that is in no list.
	Notice incident.Notice
	// Thread is the [Result.Thread] of the first message about the incident that this
	// channel has delivered; "" if there was none, or it had none.
	Thread string
	// URL is where the incident can be seen; "" if alertd does not know its address.
	URL string
}

// Color says at a glance how things are.
type Color string

// The colours of messages.
const (
	Red    Color = "#d00000"
	Orange Color = "#e8770c"
	Yellow Color = "#e3b505"
	Blue   Color = "#2f6fde"
	Green  Color = "#2e9d48"
	Grey   Color = "#8a8f98"
)

// Color returns green for what is resolved, blue for what is acknowledged, and else
// that of the severity.
func (n Notification) Color() Color {
	switch n.Notice.Incident.Status {
	case incident.Resolved:
		return Green
	case incident.Acknowledged:
		return Blue
	case incident.Triggered:
	}
	switch n.Notice.Incident.Severity {
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

// Label is the first word of a message: the severity, or what has changed.
func (n Notification) Label() string {
	switch n.Notice.Reason {
	case incident.WasResolved:
		return "RESOLVED"
	case incident.WasAcknowledged:
		return "ACKNOWLEDGED"
	case incident.Test:
		return "TEST"
	case incident.Opened, incident.SeverityRaised, incident.Updated:
	}
	return strings.ToUpper(n.Notice.Incident.Severity.String())
}

// Subject is the message in one line, without control characters: label, source and
// message, such as "[CRITICAL] kill_switch: Kill switch activated". It has at most
// most characters.
func (n Notification) Subject(most int) string {
	i := n.Notice.Incident
	return Shorten(OneLine(fmt.Sprintf("[%s] %s: %s", n.Label(), i.Source, i.Message)), most)
}

// Headline says what has happened, in one line without control characters, such as
// "Incident 12 opened" or "Incident 12: 40 more events, still open".
func (n Notification) Headline() string {
	number := "Incident " + strconv.FormatInt(int64(n.Notice.Incident.Number), 10)
	by := OneLine(n.Notice.By)
	switch n.Notice.Reason {
	case incident.Opened:
		return number + " opened"
	case incident.SeverityRaised:
		return number + ": " + n.Notice.Why
	case incident.Updated:
		more := "1 more event"
		if n.Notice.Since != 1 {
			more = strconv.FormatUint(n.Notice.Since, 10) + " more events"
		}
		return number + ": " + more + ", still open"
	case incident.WasAcknowledged:
		return number + " acknowledged by " + by
	case incident.WasResolved:
		return number + " resolved by " + by
	case incident.Test:
		return "A test of this channel, nothing has happened"
	}
	return number
}

// Fact is a name and a value to show beside a message.
type Fact struct{ Name, Value string }

// Facts are what there is to know of the incident, in the order in which to show it.
func (n Notification) Facts() []Fact {
	i := n.Notice.Incident
	facts := []Fact{
		{"Severity", i.Severity.String()},
		{"Category", i.Category.String()},
		{"Source", OneLine(i.Source)},
		{"Status", i.Status.String()},
		{"Events", strconv.FormatUint(i.Count, 10)},
		{"First seen", showTime(i.FirstSeen)},
		{"Last seen", showTime(i.LastSeen)},
	}
	if i.AcknowledgedBy != "" && n.Notice.Reason != incident.WasAcknowledged {
		facts = append(facts, Fact{"Acknowledged by", OneLine(i.AcknowledgedBy)})
	}
	if n.Notice.Note != "" {
		facts = append(facts, Fact{"Note", n.Notice.Note})
	}
	return facts
}

// Details are the members of the event's context.
func (n Notification) Details() []Fact {
	facts := make([]Fact, 0, len(n.Notice.Context.Fields))
	for _, f := range n.Notice.Context.Fields {
		facts = append(facts, Fact{OneLine(f.Name), f.Text()})
	}
	return facts
}

func showTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
