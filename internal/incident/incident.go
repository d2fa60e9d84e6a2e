package incident

import (
	"fmt"
	"time"

	"alertd/internal/alerting"
)

// Incident is the open, or past, story of events that are alike. Its JSON is what
// the store keeps; that of the API is made of it.
type Incident struct {
	ID          ID          `json:"incident_id"`
	Number      Number      `json:"number"`
	Fingerprint Fingerprint `json:"fingerprint"`
	// Pattern is what the messages have in common, or the dedup_key.
	Pattern string `json:"pattern"`
	// Grouping says what made the fingerprint.
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

	// Generation counts from 1 how often people were asked anew to act: an
	// acknowledgement begins a new one, so that what was to remind them before is void.
	Generation int `json:"generation"`
	// Notices counts what was to be told.
	Notices int `json:"notices"`
	// ToldAt and ToldCount are when the last notice was made, and what Count was.
	ToldAt    time.Time `json:"told_at"`
	ToldCount uint64    `json:"told_count"`
	// UpdateDue is when an update is to be told; zero if it has not grown.
	UpdateDue time.Time `json:"update_due,omitzero"`
}

// Notice is what people are to be told about an incident, as it was then.
type Notice struct {
	// Number counts the notices of an incident from 1.
	Number int       `json:"number"`
	Reason Reason    `json:"reason"`
	At     time.Time `json:"at"`
	// Why is the reason in words, such as "severity rose from warning to critical".
	Why string `json:"why"`
	// Since is how many events there were since the last notice.
	Since uint64 `json:"since"`
	// By and Note are whose action it was, and what they had to say.
	By   string `json:"by,omitzero"`
	Note string `json:"note,omitzero"`
	// Event is the number of the event that the notice shows.
	Event alerting.Seq `json:"event"`
	// Context is that event's, cut to a size that channels can take.
	Context  Context  `json:"context"`
	Incident Incident `json:"incident"`
}

// EntryKind says what an entry of a timeline is about.
type EntryKind string

// The kinds of entries. The first ones are changes of the incident, the others
// tell of what became of messages about it.
const (
	EntryOpened         EntryKind = "opened"
	EntrySeverityRaised EntryKind = "severity_raised"
	EntryReopened       EntryKind = "unacknowledged"
	EntryUpdated        EntryKind = "updated"
	EntryAcknowledged   EntryKind = "acknowledged"
	EntryResolved       EntryKind = "resolved"

	EntryPlanned    EntryKind = "notified"
	EntryDelivered  EntryKind = "delivered"
	EntryRetrying   EntryKind = "retrying"
	EntryFailed     EntryKind = "failed"
	EntrySuperseded EntryKind = "superseded"

	// EntryUnreadable stands for entries that cannot be read.
	EntryUnreadable EntryKind = "unreadable"
)

// MaxTimeline is how many entries of a timeline are shown, the latest.
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
	// Channel, Target and Delivery say which message it is about.
	Channel  string `json:"channel,omitzero"`
	Target   string `json:"target,omitzero"`
	Delivery string `json:"delivery_id,omitzero"`
}

// Unreadable returns the entry that stands for those of a timeline that cannot be read. It
// has the time of the last one that can.
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

// Change is what a step has done to an incident beside what it is now.
type Change struct {
	Entries []Entry
	// Notice is nil if nobody is to be told.
	Notice *Notice
}

// Open returns the incident that an event with a key opens. Time is to the microsecond.
func Open(id ID, number Number, key Key, e *alerting.Event, now time.Time) (Incident, Change) {
	i := Incident{
		ID: id, Number: number, Generation: 1, Fingerprint: key.Fingerprint, Pattern: key.Pattern, Grouping: key.Grouping,
		Status: Triggered, Severity: e.Severity(), Category: e.Category(), Source: e.Source(), Message: e.Message(), Count: 1,
		FirstSeen: e.ReceivedAt(), LastSeen: e.ReceivedAt(), FirstEvent: e.Seq(), LastEvent: e.Seq(),
	}
	why := fmt.Sprintf("opened by event %d: %s from %s", e.Seq(), e.Severity(), e.Source())
	return i, Change{
		Entries: []Entry{{At: now, Kind: EntryOpened, Reason: why, Event: e.Seq()}},
		Notice:  i.tell(Opened, now, why, e),
	}
}

// Add folds an event into the incident, which must be open. People are told at
// most once in each repeat interval that it has grown.
func (i *Incident) Add(e *alerting.Event, repeat time.Duration, now time.Time) Change {
	i.Count++
	i.Message, i.LastEvent = e.Message(), e.Seq()
	if e.ReceivedAt().After(i.LastSeen) {
		i.LastSeen = e.ReceivedAt()
	}
	if e.Severity() > i.Severity {
		return i.raise(e, now)
	}
	due := i.ToldAt.Add(repeat)
	if due.After(now) {
		if i.UpdateDue.IsZero() {
			i.UpdateDue = due
		}
		return Change{}
	}
	return i.update(now, e)
}

// raise takes over a higher severity. Whoever has acknowledged the incident has
// acknowledged something less bad.
func (i *Incident) raise(e *alerting.Event, now time.Time) Change {
	why := fmt.Sprintf("severity rose from %s to %s by event %d", i.Severity, e.Severity(), e.Seq())
	i.Severity = e.Severity()
	change := Change{Entries: []Entry{{At: now, Kind: EntrySeverityRaised, Reason: why, Event: e.Seq()}}}
	if i.Status == Acknowledged {
		change.Entries = append(change.Entries, Entry{
			At: now, Kind: EntryReopened, Event: e.Seq(),
			Reason: fmt.Sprintf("no longer acknowledged: %s acknowledged something less severe", i.AcknowledgedBy),
		})
		i.Status, i.AcknowledgedAt, i.AcknowledgedBy = Triggered, time.Time{}, ""
	}
	change.Notice = i.tell(SeverityRaised, now, why, e)
	return change
}

// Remind tells that the incident has grown, if that is due: see UpdateDue. last is
// its latest event, nil if that is no longer kept.
func (i *Incident) Remind(last *alerting.Event, now time.Time) Change {
	if !i.Status.Open() || i.UpdateDue.IsZero() || i.UpdateDue.After(now) {
		return Change{}
	}
	return i.update(now, last)
}

func (i *Incident) update(now time.Time, e *alerting.Event) Change {
	why := fmt.Sprintf("still open: %s since %s, %d in all", events(i.Count-i.ToldCount), alerting.FormatTime(i.ToldAt), i.Count)
	return Change{
		Entries: []Entry{{At: now, Kind: EntryUpdated, Reason: why, Event: i.LastEvent}},
		Notice:  i.tell(Updated, now, why, e),
	}
}

func events(n uint64) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}

// Action is what a person does to an incident.
type Action struct {
	// By says who: 1 to 255 characters. Note is what they have to say, if anything:
	// at most 8192 characters.
	By, Note string
}

// Acknowledge notes that somebody works on the incident. For one that is
// acknowledged already it changes nothing. The error is an [*alerting.Error] with
// [alerting.CodeConflict] for one that is resolved. last is as for [Incident.Remind].
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

// Resolve ends the incident. For one that is resolved already it changes nothing.
// last is as for [Incident.Remind].
func (i *Incident) Resolve(a Action, last *alerting.Event, now time.Time) Change {
	if i.Status == Resolved {
		return Change{}
	}
	i.Status, i.ResolvedAt, i.ResolvedBy = Resolved, now, a.By
	return i.act(EntryResolved, WasResolved, "resolved by "+a.By, a, last, now)
}

func (i *Incident) act(kind EntryKind, reason Reason, why string, a Action, last *alerting.Event, now time.Time) Change {
	notice := i.tell(reason, now, why, last)
	notice.By, notice.Note = a.By, a.Note
	return Change{
		Entries: []Entry{{At: now, Kind: kind, Reason: why, By: a.By, Note: a.Note}},
		Notice:  notice,
	}
}

// tell makes a notice of what the incident is now.
func (i *Incident) tell(reason Reason, now time.Time, why string, e *alerting.Event) *Notice {
	since := i.Count - i.ToldCount
	i.Notices++
	i.ToldAt, i.ToldCount, i.UpdateDue = now, i.Count, time.Time{}
	notice := &Notice{Number: i.Notices, Reason: reason, At: now, Why: why, Since: since, Event: i.LastEvent, Incident: *i}
	if e != nil {
		notice.Context = CutContext(e.Context())
	}
	return notice
}

// Recount returns a notice of what the incident is now, with the number and the reason of
// one that cannot be read.
func (i *Incident) Recount(number int, reason Reason, now time.Time) Notice {
	return Notice{
		Number: number, Reason: reason, At: now, Event: i.LastEvent, Incident: *i,
		Why: "the record of what was to be told cannot be read; this is what the incident is now",
	}
}
