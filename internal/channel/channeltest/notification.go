package channeltest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
)

// IncidentID is the id of the incident of [Notification], and TestID that of a test
// message.
const (
	IncidentID = "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55"
	TestID     = "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4aff"
)

// Reasons returns all reasons in the order of an incident's life, a test and a digest.
func Reasons() []incident.Reason {
	return []incident.Reason{
		incident.Opened, incident.SeverityRaised, incident.Updated, incident.WasAcknowledged, incident.WasResolved, incident.Test,
		incident.Digested,
	}
}

// Channel is the name of the channel that messages are for.
const Channel = "ops"

// Notification returns a message about an incident of a VaR gate, always the same one for
// a reason. The incident begins as an error, becomes critical, goes on for 41 events, is
// acknowledged by ada and resolved by grace; the message shows it as it is at the reason.
// A digest tells of it and of others. Its Key is a UUID, a different one for each reason.
func Notification(reason incident.Reason) channel.Notification {
	return render(fmt.Sprintf("019b5f2c-8000-7000-8000-00000000000%d", 1+slices.Index(incident.Reasons(), reason)), story(reason))
}

func render(key string, notice incident.Notice) channel.Notification {
	n := channel.Render(key, notice, publicURL)
	n.Channel = Channel
	return n
}

// Rendered returns a message whose notice was changed, rendered anew.
func Rendered(n channel.Notification) channel.Notification {
	again := render(n.Key, n.Notice)
	again.Thread, again.Target = n.Thread, n.Target
	return again
}

// Opened returns a message that a new incident was opened, with a new key, for tests of
// how a channel shows texts. context is a JSON object.
func Opened(severity alerting.Severity, source, message, context string) channel.Notification {
	e := event(1, began, severity, source, message, context)
	_, change := open(incident.NewID(), 1, e)
	return render(uuid.Must(uuid.NewV7()).String(), *change.Notice)
}

// publicURL is the address of alertd that messages link to.
const publicURL = "https://alerts.example.com"

// began is when the incident was opened.
var began = time.Date(2025, 12, 27, 10, 30, 0, 123456000, time.UTC)

// The texts of the incident's events.
const (
	source   = "var_gate"
	breached = "VaR limit breached: 0.0512 > 0.0300"
	details  = `{"portfolio":"EQ-LS-1","var":0.0512,"limit":0.0300,"confidence":0.99,"horizon_days":1,` +
		`"blocked":true,"positions":["AAPL","MSFT"],"note":"R&D <desk> said \"hold\""}`
)

func event(seq alerting.Seq, at time.Time, severity alerting.Severity, source, message, context string) *alerting.Event {
	data, err := alerting.ParseContext([]byte(context))
	if err != nil {
		panic(fmt.Sprintf("the context of a test's event: %v", err))
	}
	draft, err := alerting.NewDraft(alerting.Alert{
		Severity: severity, Category: alerting.CategoryRiskLimit, Source: source, Message: message, Context: data, Timestamp: at,
	}, at)
	if err != nil {
		panic(fmt.Sprintf("the alert of a test's event: %v", err))
	}
	return draft.Finish(seq)
}

// open returns the incident that an event opens.
func open(id incident.ID, number incident.Number, e *alerting.Event) (incident.Incident, incident.Change) {
	return incident.Open(id, number, incident.KeyOf(e, incident.GroupBy{}), e, incident.Terms{}, began)
}

func mustID(text string) incident.ID {
	id, err := incident.ParseID(text)
	if err != nil {
		panic(err)
	}
	return id
}

// story returns the notice for a reason, as the fold makes it.
func story(reason incident.Reason) incident.Notice {
	if reason == incident.Test {
		i, change := open(mustID(TestID), 0, event(1, began, alerting.SeverityInfo, "alertd", "A test of this channel", "{}"))
		change.Notice.Reason, change.Notice.Why = incident.Test, "a test that ada asked for"
		change.Notice.Incident = i
		return *change.Notice
	}
	if reason == incident.Digested {
		return digest()
	}
	terms := incident.Terms{Repeat: 15 * time.Minute}
	first := event(40, began, alerting.SeverityError, source, breached, details)
	i, change := open(mustID(IncidentID), 12, first)
	var last *alerting.Event
	now := began
	steps := map[incident.Reason]func() incident.Change{
		incident.Opened: func() incident.Change { return change },
		incident.SeverityRaised: func() incident.Change {
			last = event(41, now, alerting.SeverityCritical, source, strings.Replace(breached, "512", "733", 1), strings.Replace(details, "512", "733", 1))
			return i.Add(last, terms, now)
		},
		incident.Updated: func() incident.Change {
			for seq := alerting.Seq(42); seq < 80; seq++ {
				_ = i.Add(event(seq, now, alerting.SeverityCritical, source, breached, details), terms, now)
			}
			now = now.Add(terms.Repeat)
			last = event(80, now, alerting.SeverityCritical, source, breached, details)
			return i.Add(last, terms, now)
		},
		incident.WasAcknowledged: func() incident.Change {
			change, err := i.Acknowledge(incident.Action{By: "ada", Note: "Looking at the hedge"}, last, now)
			if err != nil {
				panic(err)
			}
			return change
		},
		incident.WasResolved: func() incident.Change {
			return i.Resolve(incident.Action{By: "grace", Note: "Hedged, limit holds again"}, last, now)
		},
		incident.Test: nil, incident.Digested: nil, // they are made above
	}
	var notice *incident.Notice
	for _, step := range incident.Reasons() {
		now = now.Add(time.Minute)
		if notice = steps[step]().Notice; step == reason {
			break
		}
	}
	return *notice
}
