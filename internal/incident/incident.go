package incident

import (
	"fmt"
	"time"

	"alertd/internal/alerting"
)

// Incident is a group of similar events, open or resolved. The store keeps its JSON; the
// API has that of [View].
type Incident struct {
	ID          ID          `json:"incident_id"`
	Number      Number      `json:"number"`
	Fingerprint Fingerprint `json:"fingerprint"`
	// Pattern is the masked message, or the dedup_key.
	Pattern string `json:"pattern"`
	// Grouping says what the fingerprint is computed from.
	Grouping Grouping `json:"grouped_by"`
	Status   Status   `json:"status"`
	// Severity is the highest so far.
	Severity alerting.Severity `json:"severity"`
	// Category and Source are those of the first event.
	Category alerting.Category `json:"category"`
	Source   string            `json:"source"`
	// Message is the latest.
	Message string `json:"message"`
	// Count is how many events belong to it.
	Count uint64 `json:"count"`
	// FirstSeen and LastSeen are when the first and the last event were received.
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	// FirstEvent and LastEvent are their numbers in the log.
	FirstEvent alerting.Seq `json:"first_event"`
	LastEvent  alerting.Seq `json:"last_event"`

	AcknowledgedAt time.Time `json:"acknowledged_at,omitzero"`
	AcknowledgedBy string    `json:"acknowledged_by,omitzero"`
	ResolvedAt     time.Time `json:"resolved_at,omitzero"`
	ResolvedBy     string    `json:"resolved_by,omitzero"`
	// ResolvedNote says how, "" if nobody has said; so it is of one that an earlier alertd has
	// resolved.
	ResolvedNote string `json:"resolved_note,omitzero"`

	// Generation counts from 1 how often people were asked to act again. An
	// acknowledgement begins a new one, which makes earlier reminders void.
	Generation int `json:"generation"`
	// Notices counts the notices.
	Notices int `json:"notices"`
	// ToldAt and ToldCount are the time of the last notice, and Count at that time.
	ToldAt    time.Time `json:"told_at"`
	ToldCount uint64    `json:"told_count"`
	// UpdateDue is when the next update is due; zero if it has not grown.
	UpdateDue time.Time `json:"update_due,omitzero"`

	// Route is the route by which people were told last; "": none matched.
	Route string `json:"route,omitzero"`
	// News is what people are to be told and something holds back. Hold says what.
	News News  `json:"news,omitzero"`
	Hold *Hold `json:"hold,omitzero"`
	// Openings are when it was opened, and those like it that were resolved before, as far
	// as they count for flapping. Flapping is nil unless it flaps.
	Openings []time.Time `json:"openings,omitzero"`
	Flapping *Flapping   `json:"flapping,omitzero"`
	// Counted are when events came that count for promotions, by the rule's name, in
	// microseconds since 1970. Promoted are the rules that have had their effect.
	Counted  map[string][]int64 `json:"counted,omitzero"`
	Promoted []string           `json:"promoted,omitzero"`
	// FoldedAt is when the last event was folded, by the clock that everything waits by.
	FoldedAt time.Time `json:"folded_at,omitzero"`
	// LookAt is when it is looked at next, at the latest; zero: not by itself.
	LookAt time.Time `json:"look_at,omitzero"`
}

// Notice is a change of an incident that people are notified of, with the incident as it
// was then.
type Notice struct {
	// Number counts the notices of an incident from 1.
	Number int       `json:"number"`
	Reason Reason    `json:"reason"`
	At     time.Time `json:"at"`
	// Why is the reason in words, such as "severity rose from warning to critical".
	Why string `json:"why"`
	// Since is the number of events since the last notice.
	Since uint64 `json:"since"`
	// By and Note are who did it, and their note.
	By   string `json:"by,omitzero"`
	Note string `json:"note,omitzero"`
	// Event is the number of the event that the notice shows.
	Event alerting.Seq `json:"event"`
	// Context is that event's, cut to a size that channels can take.
	Context Context `json:"context"`
	// Incident is not shown if there is a digest.
	Incident Incident `json:"incident,omitzero"`
	// Route is the name of the route that the incident took; "" if there was none.
	Route string `json:"route,omitzero"`
	// Digest is what [Digested] tells of; nil for the other reasons.
	Digest *Digest `json:"digest,omitzero"`
}

// EntryKind says what an entry of a timeline is about.
type EntryKind string

// The kinds of entries. The first are changes of the incident, the others are about its
// messages.
const (
	EntryOpened         EntryKind = "opened"
	EntrySeverityRaised EntryKind = "severity_raised"
	EntryReopened       EntryKind = "unacknowledged"
	EntryUpdated        EntryKind = "updated"
	EntryAcknowledged   EntryKind = "acknowledged"
	EntryResolved       EntryKind = "resolved"
	EntryPromoted       EntryKind = "promoted"
	EntryHeldBack       EntryKind = "held_back"
	EntryFlapping       EntryKind = "flapping"

	EntryPlanned    EntryKind = "notified"
	EntryDelivered  EntryKind = "delivered"
	EntryRetrying   EntryKind = "retrying"
	EntryFailed     EntryKind = "failed"
	EntrySuperseded EntryKind = "superseded"

	// EntryUnreadable stands for entries that cannot be read.
	EntryUnreadable EntryKind = "unreadable"
)

// MaxTimeline is how many of the latest entries a timeline shows.
const MaxTimeline = 1000

// Entry is one line of an incident's timeline.
type Entry struct {
	At   time.Time `json:"at"`
	Kind EntryKind `json:"kind"`
	// Reason says in words what happened, and why.
	Reason string `json:"reason"`
	By     string `json:"by,omitzero"`
	Note   string `json:"note,omitzero"`
	// Event is the number of the event that caused it.
	Event alerting.Seq `json:"event,omitzero"`
	// Channel, Target and Delivery identify the message that it is about.
	Channel  string `json:"channel,omitzero"`
	Target   string `json:"target,omitzero"`
	Delivery string `json:"delivery_id,omitzero"`
}

// Unreadable returns the entry that stands for the unreadable entries of a timeline. It has
// the time of the last readable one.
func Unreadable(count int, readable []Entry) Entry {
	e := Entry{Kind: EntryUnreadable, Reason: "1 entry cannot be read and is left out"}
	if count > 1 {
		e.Reason = fmt.Sprintf("%d entries cannot be read and are left out", count)
	}
	if n := len(readable); n > 0 {
		e.At = readable[n-1].At
	}
	return e
}

// Change is what a step adds to the history of an incident.
type Change struct {
	Entries []Entry
	// Notice is nil if nobody is notified.
	Notice *Notice
	// HeldBack says that there is something to be told which the incident's Hold holds back.
	HeldBack bool
}

// and returns both changes, the second after the first. At most one has a notice.
func (c Change) and(next Change) Change {
	c.Entries = append(c.Entries, next.Entries...)
	c.HeldBack = c.HeldBack || next.HeldBack
	if next.Notice != nil {
		c.Notice = next.Notice
	}
	return c
}

// Open returns the incident that an event with a key opens. Time is to the microsecond.
func Open(id ID, number Number, key Key, e *alerting.Event, terms Terms, now time.Time) (Incident, Change) {
	i := Incident{
		ID: id, Number: number, Generation: 1, Fingerprint: key.Fingerprint, Pattern: key.Pattern, Grouping: key.Grouping,
		Status: Triggered, Severity: e.Severity(), Category: e.Category(), Source: e.Source(), Message: e.Message(), Count: 1,
		FirstSeen: e.ReceivedAt(), LastSeen: e.ReceivedAt(), FirstEvent: e.Seq(), LastEvent: e.Seq(), FoldedAt: now,
	}
	why := fmt.Sprintf("opened by event %d: %s from %s", e.Seq(), e.Severity(), e.Source())
	change := Change{Entries: []Entry{{At: now, Kind: EntryOpened, Reason: why, Event: e.Seq()}}}
	if entry, flaps := i.opensAgain(terms, now); flaps {
		why += "; " + entry.Reason
		change.Entries = append(change.Entries, entry)
	}
	return i, change.and(i.say(Opened, why, e, terms, now))
}

// Add folds an event into the incident, which must be open. It makes at most one notice of
// growth in each repeat interval.
func (i *Incident) Add(e *alerting.Event, terms Terms, now time.Time) Change {
	i.count(e, now)
	comesBack := i.comesBack(now)
	switch {
	case e.Severity() > i.Severity:
		why := fmt.Sprintf("severity rose from %s to %s by event %d", i.Severity, e.Severity(), e.Seq())
		return comesBack.and(i.raise(EntrySeverityRaised, e.Severity(), why, e, terms, now))
	case i.News.Reason != "" || i.Flapping != nil: // people are told of all that is new then
		return comesBack
	}
	told := i.ToldAt
	if told.After(now) { // a clock was set back
		told = now
	}
	if due := told.Add(terms.Repeat); due.After(now) {
		if i.UpdateDue.IsZero() || due.Before(i.UpdateDue) {
			i.UpdateDue = due
		}
		return Change{}
	}
	return i.update(now, e, terms)
}

// count counts an event.
func (i *Incident) count(e *alerting.Event, now time.Time) {
	i.Count++
	i.Message, i.LastEvent, i.FoldedAt = e.Message(), e.Seq(), now
	if e.ReceivedAt().After(i.LastSeen) {
		i.LastSeen = e.ReceivedAt()
	}
}

// Promote raises the severity by a rule. why says what the rule has counted. It does nothing
// if the severity is not below already.
func (i *Incident) Promote(to alerting.Severity, why string, e *alerting.Event, terms Terms, now time.Time) Change {
	if to <= i.Severity {
		return Change{}
	}
	return i.raise(EntryPromoted, to, fmt.Sprintf("promoted from %s to %s: %s", i.Severity, to, why), e, terms, now)
}

// raise applies a higher severity. It ends an acknowledgement, which was of something less
// severe.
func (i *Incident) raise(kind EntryKind, to alerting.Severity, why string, e *alerting.Event, terms Terms, now time.Time) Change {
	i.Severity = to
	change := Change{Entries: []Entry{{At: now, Kind: kind, Reason: why, Event: e.Seq()}}}
	if i.Status == Acknowledged {
		change.Entries = append(change.Entries, Entry{
			At: now, Kind: EntryReopened, Event: e.Seq(),
			Reason: fmt.Sprintf("no longer acknowledged: %s acknowledged something less severe", i.AcknowledgedBy),
		})
		i.Status, i.AcknowledgedAt, i.AcknowledgedBy = Triggered, time.Time{}, ""
	}
	return change.and(i.say(SeverityRaised, why, e, terms, now))
}

func (i *Incident) update(now time.Time, e *alerting.Event, terms Terms) Change {
	change := i.say(Updated, "", e, terms, now)
	if change.Notice != nil {
		change.Entries = append(change.Entries, Entry{At: now, Kind: EntryUpdated, Reason: change.Notice.Why, Event: i.LastEvent})
	}
	return change
}

// growth says in words how it has grown since the last notice.
func (i *Incident) growth() string {
	return fmt.Sprintf("still open: %s since %s, %d in all", events(i.Count-i.ToldCount), alerting.FormatTime(i.ToldAt), i.Count)
}

func events(n uint64) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}

// Action is what a person does to an incident.
type Action struct {
	// By says who does it, in 1 to 255 characters. Note is optional, at most 8192
	// characters.
	By, Note string
}

// Result is what has become of an action on one of several incidents.
type Result struct {
	ID ID
	// Incident is as it is afterwards, if there is one.
	Incident Incident
	// Changed says that the action has changed it.
	Changed bool
	// Err is why nothing was done, nil if that is all right.
	Err error
}

// Acknowledge records that somebody works on the incident. It does not change an
// acknowledged one. For a resolved one the error is an [*alerting.Error] with
// [alerting.CodeConflict]. last is as for [Incident.Look].
func (i *Incident) Acknowledge(a Action, last *alerting.Event, now time.Time) (Change, error) {
	switch i.Status {
	case Acknowledged:
		return Change{}, nil
	case Resolved:
		return Change{}, &alerting.Error{Code: alerting.CodeConflict, Message: fmt.Sprintf(
			"incident %d was resolved by %s at %s and cannot be acknowledged", i.Number, i.ResolvedBy, alerting.FormatTime(i.ResolvedAt))}
	case Triggered:
	}
	i.Status, i.AcknowledgedAt, i.AcknowledgedBy = Acknowledged, now, a.By
	i.Generation++
	return i.act(EntryAcknowledged, WasAcknowledged, "acknowledged by "+a.By, a, last, now), nil
}

// Resolve ends the incident. It does not change a resolved one. last is as for
// [Incident.Look].
func (i *Incident) Resolve(a Action, last *alerting.Event, now time.Time) Change {
	if i.Status == Resolved {
		return Change{}
	}
	return i.end("resolved by "+a.By, a, last, now)
}

// end resolves the incident. What was held back of it is not told any more; that it is over
// hear those who were told of it.
func (i *Incident) end(why string, a Action, last *alerting.Event, now time.Time) Change {
	var change Change
	if i.News.Reason != "" {
		change.Entries = append(change.Entries, Entry{At: now, Kind: EntryHeldBack, Reason: fmt.Sprintf("not told that it was %s: it is over", i.News.Reason)})
	}
	i.Status, i.ResolvedAt, i.ResolvedBy, i.ResolvedNote = Resolved, now, a.By, a.Note
	i.News, i.Hold, i.Flapping = News{}, nil, nil
	return change.and(i.act(EntryResolved, WasResolved, why, a, last, now))
}

func (i *Incident) act(kind EntryKind, reason Reason, why string, a Action, last *alerting.Event, now time.Time) Change {
	held := *i
	notice := i.tell(reason, now, why, last)
	notice.By, notice.Note = a.By, a.Note
	if i.Status.Open() && held.News.Reason != "" { // it is told once nothing holds it back any more
		i.News, i.Hold, i.ToldAt, i.ToldCount = held.News, held.Hold, held.ToldAt, held.ToldCount
		notice.Since = 0
	}
	return Change{
		Entries: []Entry{{At: now, Kind: kind, Reason: why, By: a.By, Note: a.Note}},
		Notice:  notice,
	}
}

// tell makes a notice of the incident as it is now.
func (i *Incident) tell(reason Reason, now time.Time, why string, e *alerting.Event) *Notice {
	since := i.Count - i.ToldCount
	i.News, i.Hold = News{}, nil
	i.Notices++
	i.ToldAt, i.ToldCount, i.UpdateDue = now, i.Count, time.Time{}
	notice := &Notice{Number: i.Notices, Reason: reason, At: now, Why: why, Since: since, Event: i.LastEvent, Route: i.Route, Incident: *i}
	if e != nil {
		notice.Context = CutContext(e.Context())
	}
	return notice
}

// Recount replaces an unreadable notice: it returns a notice of the incident as it is now,
// with the number and the reason of the unreadable one.
func (i *Incident) Recount(number int, reason Reason, now time.Time) Notice {
	return Notice{
		Number: number, Reason: reason, At: now, Event: i.LastEvent, Incident: *i,
		Why: "the record of what was to be told cannot be read; this is what the incident is now",
	}
}
