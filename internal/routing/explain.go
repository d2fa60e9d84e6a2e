package routing

import (
	"fmt"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// Explanation says what an alert would do if it came at a time, and why.
type Explanation struct {
	At time.Time
	// Off says that alerting is off: the event is kept, and nothing comes of it.
	Off bool
	// Key is what the alert is folded by. Route is the route by which people would be told;
	// "": none matches. Routed says that there are routes.
	Key    incident.Key
	Route  string
	Routed bool
	// Resolves says that the alert says that something is over.
	Resolves bool
	// Incident is the incident as it would be then, nil if the alert would resolve something
	// that is not open. Opens says that the alert would open it.
	Incident *incident.Incident
	Opens    bool
	// Storm, if not nil, is the storm that there is.
	Storm *Storm
	// Entries are what the incident's timeline would say.
	Entries []incident.Entry
	// Decisions are what would be decided, in their order: none if the alert would only be
	// counted.
	Decisions []Decision
	// Text is the message that would be sent; "": none would be.
	Text string
}

// Words says it in sentences for people, the most important first.
func (x Explanation) Words() []string {
	if x.Off {
		return []string{
			"The alert would be kept as an event, and nothing more: alerting is off, so it would open no incident, and nobody would be told.",
			x.grouped(), x.routed(),
		}
	}
	words := []string{x.happens()}
	if x.Incident != nil {
		if x.Storm != nil {
			words = append(words, fmt.Sprintf("There is a storm of events: what is below %s is told in digests only.", x.Storm.Pass))
		}
		if hold := x.Incident.Hold; hold != nil {
			words = append(words, heldWords(hold))
		}
		words = append(words, x.told()...)
	}
	return append(words, x.grouped(), x.routed())
}

// happens says what becomes of the alert.
func (x Explanation) happens() string {
	i := x.Incident
	switch {
	case i == nil:
		return "The alert would change nothing: it says that something is over, and nothing like it is open."
	case x.Opens:
		return fmt.Sprintf("The alert would open an incident of severity %s: nothing like it is open.", i.Severity)
	case !i.Status.Open():
		return fmt.Sprintf("The alert would resolve incident %d, which has been open since %s.", i.Number, clock(i.FirstSeen))
	}
	return fmt.Sprintf("The alert would be event %d of incident %d, which has been open since %s, with severity %s from then on.",
		i.Count, i.Number, clock(i.FirstSeen), i.Severity)
}

// heldWords says what holds an incident back.
func heldWords(hold *incident.Hold) string {
	words := strings.TrimSuffix(hold.Why, untilWords(hold.Until))
	if !hold.Until.IsZero() {
		words += ", until " + clock(hold.Until)
	}
	if hold.Holder == HeldByGroupWait {
		return fmt.Sprintf("Nobody would be told at once: %s.", words)
	}
	return fmt.Sprintf("Nobody would be told for now: %s. If the incident is still open when that ends, people are told then, once.", words)
}

// told says who would be told of what, and who would not.
func (x Explanation) told() (words []string) {
	i := x.Incident
	if len(x.Decisions) == 0 {
		switch {
		case i.Hold != nil:
			return []string{"The event would be counted, and told of with what is held back."}
		case i.Flapping != nil:
			return []string{"Nobody would be told of the event by itself: the incident comes and goes, which people know. They are told when that ends."}
		case !i.UpdateDue.IsZero():
			return []string{fmt.Sprintf("Nobody would be told of the event by itself: it would be counted, and the next update is due at %s.", clock(i.UpdateDue))}
		}
		return []string{"Nobody would be told of the event by itself: it would be counted."}
	}
	for _, d := range x.Decisions {
		if len(d.Targets) == 0 {
			words = append(words, fmt.Sprintf("Nobody would be told %s: %s.", newsWords(d.Reason), Decision{Route: x.Route}.nowhere()))
		}
		for _, t := range d.Targets {
			words = append(words, t.sentence(d.Reason))
		}
	}
	return words
}

// newsWords says what people are told.
func newsWords(reason incident.Reason) string {
	switch reason {
	case incident.Opened:
		return "that the incident is open"
	case incident.SeverityRaised:
		return "that its severity has risen"
	case incident.WasResolved:
		return "that it is over"
	case incident.Updated, incident.WasAcknowledged, incident.Test, incident.Digested:
	}
	return "that it goes on"
}

// sentence says what would happen on a target.
func (t Target) sentence(reason incident.Reason) string {
	name := t.Channel
	if t.Target != "" {
		name += " (" + t.Target + ")"
	}
	news, until := newsWords(reason), ""
	if !t.Until.IsZero() {
		until = " at " + clock(t.Until)
	}
	switch t.Verdict {
	case Send:
		return fmt.Sprintf("%s would be told at once %s.", name, news)
	case Hold:
		return fmt.Sprintf("%s would be told%s %s.", name, until, news)
	case InDigest:
		return fmt.Sprintf("%s would be told %s in its next digest, due%s: %s.", name, news, orSoon(until), t.reason())
	case HeldBack:
		return fmt.Sprintf("%s would be told %s once nothing holds it back.", name, news)
	case NotAsked:
	}
	return fmt.Sprintf("%s would not be told %s: %s.", name, news, t.reason())
}

func orSoon(until string) string {
	if until == "" {
		return " soon"
	}
	return until
}

// reason is [Target.Why] without what a sentence says already.
func (t Target) reason() string { return strings.TrimSuffix(t.Why(), ", in its next digest") }

// grouped says what makes alerts alike.
func (x Explanation) grouped() string {
	switch x.Key.Grouping {
	case incident.ByDedupKey:
		return fmt.Sprintf("Alike is what has the same dedup_key: %s.", x.Key.Pattern)
	case incident.ByMessageAndContext:
		return fmt.Sprintf("Alike is what has the same source, category, message (apart from what it measures) and identity in the context: %s.", x.Key.Pattern)
	case incident.ByRoute:
		return fmt.Sprintf("Alike is what has the same values in what route %s groups by: %s.", x.Route, x.Key.Pattern)
	case incident.ByMessage:
	}
	return fmt.Sprintf("Alike is what has the same source, category and message, apart from what it measures: %s.", x.Key.Pattern)
}

// routed says which route decides.
func (x Explanation) routed() string {
	switch {
	case x.Route != "":
		return fmt.Sprintf("Route %s decides who is told.", x.Route)
	case x.Routed && len(x.Decisions) > 0 && len(x.Decisions[0].Targets) == 0:
		return "No route matches the alert, and there are no default channels."
	case x.Routed:
		return "No route matches the alert, so the default channels are told, as far as their own settings let it through."
	}
	return "There are no routes: each channel is told what its own settings let through."
}

// clock is a time for people: to the second.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// StormOf returns the settings of a storm, nil if there is none.
func (r *Rules) StormOf(s StormState) *Storm {
	if !s.Open {
		return nil
	}
	return &r.settings.Storm
}

// Routed reports whether there are routes.
func (r *Rules) Routed() bool { return r.routes.size > 0 }

// RouteOf returns the name of the route that decides of an event when it is received; "":
// none matches.
func (r *Rules) RouteOf(e *alerting.Event) string {
	return r.PathOf(SubjectOf(e), e.ReceivedAt()).Name()
}
