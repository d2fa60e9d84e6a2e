package incident

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"alertd/internal/alerting"
)

// News is what people are to be told of an incident. The zero value is nothing.
type News struct {
	Reason Reason `json:"reason"`
	// Why says so in words; "" for growth, which is told as it is by then.
	Why string `json:"why"`
}

// weight orders the reasons by how much they say: a greater one includes a smaller one.
func (r Reason) weight() int { return slices.Index([]Reason{Updated, SeverityRaised, Opened}, r) }

// Hold is what holds back the news of an incident.
type Hold struct {
	// Holder names it, such as "silence 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55": its kind, and
	// which one of the kind.
	Holder string `json:"holder"`
	// Why says in words why it holds back.
	Why string `json:"why"`
	// Since is when it began to, and Until when it ends by itself; zero: that is not known.
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"`
}

// Flapping is the state of an incident that comes and goes. People were told so, and are
// told once it has stayed as it is for a while. Meanwhile it counts as open.
type Flapping struct {
	Since time.Time `json:"since"`
	// Changed is when it came or went last, and Gone says that it is gone since.
	Changed time.Time `json:"changed"`
	Gone    bool      `json:"gone,omitzero"`
	// By is what has resolved it last.
	By string `json:"by,omitzero"`
}

// Terms say how people are told of an incident. The zero value tells everything at once.
type Terms struct {
	// Repeat is the time between two updates about an incident that grows.
	Repeat time.Duration
	// ResolveAfter is after how long without an event it is over; 0: never.
	ResolveAfter time.Duration
	// HeardSince is when alertd could hear of events again after it had been away; zero: it was
	// not. The quiet before says nothing.
	HeardSince time.Time
	// FlapCount is how often it must open within FlapWithin to count as flapping; 0: it never does.
	FlapCount  int
	FlapWithin time.Duration
	// Before are the openings of the incident like this one that was resolved last.
	Before []time.Time
	// Hold returns what holds back the news of an incident, nil if nothing does. It is nil
	// if nothing can.
	Hold func(i *Incident) *Hold
}

// say has people notified, unless something holds that back. What is held back already is
// told with it.
func (i *Incident) say(reason Reason, why string, e *alerting.Event, terms Terms, now time.Time) Change {
	news := i.News
	if reason.weight() >= news.Reason.weight() {
		i.News = News{reason, why}
	}
	change := i.tellNews(e, terms, now)
	change.HeldBack = change.HeldBack || i.Hold != nil && i.News != news
	return change
}

// tellNews tells what there is to be told, or notes what holds it back.
func (i *Incident) tellNews(e *alerting.Event, terms Terms, now time.Time) Change {
	if terms.Hold != nil {
		if hold := terms.Hold(i); hold != nil {
			return i.holdBack(*hold, now)
		}
	}
	why := i.News.Why
	if why == "" {
		why = i.growth()
	}
	return Change{Notice: i.tell(i.News.Reason, now, why, e)}
}

func (i *Incident) holdBack(hold Hold, now time.Time) Change {
	i.UpdateDue = time.Time{}
	if i.Hold != nil && i.Hold.Holder == hold.Holder {
		i.Hold.Why, i.Hold.Until = hold.Why, hold.Until
		return Change{}
	}
	hold.Since = now
	i.Hold = &hold
	return Change{
		Entries:  []Entry{{At: now, Kind: EntryHeldBack, Reason: fmt.Sprintf("not told that it was %s: %s", i.News.Reason, hold.Why)}},
		HeldBack: true,
	}
}

// Look does what is due by itself: it ends an incident that is quiet, tells what was held
// back and is not any more, and makes a notice that the incident has grown, if one is due.
// If it comes late, what was to be told before the end is told first. last is the latest
// event, nil if it is no longer kept.
func (i *Incident) Look(last *alerting.Event, terms Terms, now time.Time) Change {
	changes := terms.changesAt(i)
	due := !changes.IsZero() && !changes.After(now)
	switch {
	case !i.Status.Open():
	case due && i.News.Reason != "" && i.Hold != nil && !i.Hold.Until.IsZero() && i.Hold.Until.Before(changes):
		return i.tellNews(last, terms, now)
	case due && i.Flapping != nil:
		return i.settle(last, terms, now)
	case due:
		return i.end("resolved: no event for "+terms.ResolveAfter.String(), Action{By: alerting.OwnSource}, last, now)
	case i.News.Reason != "":
		return i.tellNews(last, terms, now)
	case !i.UpdateDue.IsZero() && !i.UpdateDue.After(now):
		return i.update(now, last, terms)
	}
	return Change{}
}

func (t Terms) quietAt(i *Incident) time.Time {
	if t.ResolveAfter <= 0 {
		return time.Time{}
	}
	heard := i.FoldedAt
	if heard.IsZero() { // it is of an alertd that did not note that
		heard = i.LastSeen
	}
	return t.quietFrom(heard).Add(t.ResolveAfter)
}

// quietFrom returns since when nothing was heard, if nothing was since a time.
func (t Terms) quietFrom(at time.Time) time.Time {
	if at.Before(t.HeardSince) {
		return t.HeardSince
	}
	return at
}

// changesAt returns when the incident is over by itself, or stops flapping; zero: never.
func (t Terms) changesAt(i *Incident) time.Time {
	if i.Flapping != nil {
		return t.quietFrom(i.Flapping.Changed).Add(t.FlapWithin)
	}
	return t.quietAt(i)
}

// NextLook returns when [Incident.Look] has something to do next; zero: nothing.
func (i *Incident) NextLook(terms Terms) time.Time {
	if !i.Status.Open() {
		return time.Time{}
	}
	times := []time.Time{i.UpdateDue}
	if i.Hold != nil && i.News.Reason != "" {
		times = append(times, i.Hold.Until)
	}
	times = append(times, terms.changesAt(i))
	times = slices.DeleteFunc(times, time.Time.IsZero)
	if len(times) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(times, time.Time.Compare)
}

// ResolveBy ends the incident by an event that says so. One that flaps stays open until it
// has been gone for a while.
func (i *Incident) ResolveBy(e *alerting.Event, terms Terms, now time.Time) Change {
	why := fmt.Sprintf("resolved by event %d from %s", e.Seq(), e.Source())
	i.count(e, now)
	if i.Flapping != nil {
		if i.Flapping.Gone {
			return Change{}
		}
		i.Flapping.Gone, i.Flapping.Changed, i.Flapping.By = true, now, e.Source()
		return Change{Entries: []Entry{{At: now, Kind: EntryFlapping, Reason: "gone: " + why, Event: e.Seq()}}}
	}
	return i.end(why, Action{By: e.Source()}, e, now)
}

// opensAgain counts an opening, and begins flapping if there were enough.
func (i *Incident) opensAgain(terms Terms, now time.Time) (entry Entry, flaps bool) {
	if terms.FlapCount <= 0 {
		return entry, false
	}
	for _, at := range terms.Before {
		if now.Sub(at) < terms.FlapWithin {
			i.Openings = append(i.Openings, at)
		}
	}
	i.Openings = append(i.Openings, now)
	if len(i.Openings) < terms.FlapCount {
		return entry, false
	}
	i.Flapping = &Flapping{Since: now, Changed: now}
	reason := fmt.Sprintf("flapping: it was opened %d times within %s", len(i.Openings), terms.FlapWithin)
	return Entry{At: now, Kind: EntryFlapping, Reason: reason}, true
}

// comesBack notes that an event has come while the incident flaps and was gone.
func (i *Incident) comesBack(now time.Time) Change {
	if i.Flapping == nil || !i.Flapping.Gone {
		return Change{}
	}
	i.Flapping.Gone, i.Flapping.Changed = false, now
	return Change{Entries: []Entry{{At: now, Kind: EntryFlapping, Reason: "back", Event: i.LastEvent}}}
}

// settle ends flapping.
func (i *Incident) settle(last *alerting.Event, terms Terms, now time.Time) Change {
	flapping := i.Flapping
	i.Flapping, i.Openings = nil, nil
	why := fmt.Sprintf("flapping has ended: it has not changed for %s", terms.FlapWithin)
	if flapping.Gone {
		return i.end(why+", and is gone", Action{By: cmp.Or(flapping.By, alerting.OwnSource)}, last, now)
	}
	entry := Entry{At: now, Kind: EntryFlapping, Reason: why + ", and is still open"}
	return Change{Entries: []Entry{entry}}.and(i.say(Updated, entry.Reason, last, terms, now))
}
