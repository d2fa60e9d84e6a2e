package template

import (
	"fmt"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
)

// sampleAt is when what the samples show began, and sampleSeq the number of its event.
var sampleAt = time.Date(2025, 12, 27, 10, 30, 0, 0, time.UTC)

const sampleSeq = alerting.Seq(40)

// SampleEvent returns the event that samples are of unless another is given, of that
// severity.
func SampleEvent(severity alerting.Severity) *alerting.Event {
	context, err := alerting.ParseContext([]byte(`{"portfolio":"EQ-LS-1","var":0.0512,"limit":0.0300}`))
	if err != nil {
		panic(err)
	}
	return event(alerting.Alert{
		Severity: severity, Category: alerting.CategoryRiskLimit, Source: "var_gate", Message: "VaR limit breached: 0.0512 > 0.0300", Context: context,
	})
}

// event returns the event of an alert that is valid.
func event(alert alerting.Alert) *alerting.Event {
	draft, err := alerting.NewDraft(alert, sampleAt)
	if err != nil {
		panic(err)
	}
	return draft.Finish(sampleSeq)
}

// Sample returns a notice as one about an event may be, for a reason. It is always the same
// for events with the same texts.
func Sample(reason incident.Reason, e *alerting.Event) incident.Notice {
	i := sampleIncident(12, e)
	n := incident.Notice{
		Number: 1, Reason: reason, At: sampleAt, Since: 1, Event: sampleSeq, Context: incident.CutContext(e.Context()),
		Why: fmt.Sprintf("opened by event %d: %s from %s", sampleSeq, e.Severity(), e.Source()),
	}
	grown := func(number int, after time.Duration, more uint32) {
		n.Number, n.At, n.Since, n.Event = number, sampleAt.Add(after), uint64(more), sampleSeq+alerting.Seq(more)
		i.Count, i.LastSeen, i.LastEvent = 1+uint64(more), n.At, n.Event
	}
	switch reason {
	case incident.Opened:
	case incident.SeverityRaised:
		grown(2, time.Minute, 1)
		n.Why = fmt.Sprintf("severity rose to %s by event %d", e.Severity(), n.Event)
	case incident.Updated:
		grown(2, time.Hour, 41)
		n.Why = "still open: 41 events since " + alerting.FormatTime(sampleAt) + ", 42 in all"
	case incident.WasAcknowledged:
		grown(2, 5*time.Minute, 6)
		n.By, n.Note, n.Why = "ada", "Looking at the hedge", "acknowledged by ada"
		i.Status, i.AcknowledgedAt, i.AcknowledgedBy = incident.Acknowledged, n.At, n.By
	case incident.WasResolved:
		grown(3, 20*time.Minute, 6)
		n.Since, n.By, n.Note, n.Why = 0, "grace", "Hedged, the limit holds again", "resolved by grace"
		i.Status, i.ResolvedAt, i.ResolvedBy = incident.Resolved, n.At, n.By
	case incident.Test:
		n.Why = "somebody tests the channel"
	case incident.Digested:
		return sampleDigest(e, true)
	}
	n.Incident = i
	return n
}

func sampleIncident(number incident.Number, e *alerting.Event) incident.Incident {
	id, err := incident.ParseID(fmt.Sprintf("019b5f2c-7a3e-7c4d-9f10-%012d", number))
	if err != nil {
		panic(err)
	}
	key := incident.KeyOf(e, incident.GroupBy{})
	return incident.Incident{
		ID: id, Number: number, Generation: 1, Fingerprint: key.Fingerprint, Pattern: key.Pattern, Grouping: key.Grouping,
		Status: incident.Triggered, Severity: e.Severity(), Category: e.Category(), Source: e.Source(), Message: e.Message(), Count: 1,
		FirstSeen: sampleAt, LastSeen: sampleAt, FirstEvent: sampleSeq, LastEvent: sampleSeq,
	}
}

// sampleDigest returns a digest of the incident of an event, and of others.
func sampleDigest(e *alerting.Event, others bool) incident.Notice {
	var held []incident.Held
	add := func(times int, e *alerting.Event, events uint64) {
		for range times {
			i := sampleIncident(incident.Number(12+len(held)), e)
			held = append(held, incident.Held{Incident: &i, Events: events})
		}
	}
	add(1, e, 7)
	if others {
		add(9, event(alerting.Alert{Severity: alerting.SeverityWarning, Category: alerting.CategoryDataQuality, Source: "feed", Message: "Quotes are stale"}), 40)
		add(7, event(alerting.Alert{Severity: alerting.SeverityInfo, Category: alerting.CategoryPerformance, Source: "router", Message: "Slow fills"}), 5)
	}
	until := sampleAt.Add(2 * time.Minute)
	d := incident.NewDigest(sampleAt, until, held)
	d.Why = "the channel takes 30 messages an hour"
	return incident.Notice{Number: 1, Reason: incident.Digested, At: until, Why: d.Why, Digest: &d}
}

// samples returns messages of every reason, and of an opening in every severity, each
// without any context and with these members of it; the openings first. There is a digest of
// many incidents and one of a single one.
func samples(keys []string) []channel.Notification {
	var all []channel.Notification
	add := func(notice incident.Notice) {
		n := channel.Render("019b5f2c-8000-7000-8000-000000000000", notice, "https://alertd.example.com")
		n.Channel, n.Details = "sample", nil
		all = append(all, n)
		for _, key := range keys {
			n.Details = append(n.Details, channel.Fact{Name: key, Value: "sample"})
		}
		all = append(all, n)
	}
	for _, severity := range alerting.Severities() {
		add(Sample(incident.Opened, SampleEvent(severity)))
	}
	for _, reason := range incident.Reasons()[1:] {
		add(Sample(reason, SampleEvent(alerting.SeverityCritical)))
	}
	add(sampleDigest(SampleEvent(alerting.SeverityCritical), false))
	return all
}
