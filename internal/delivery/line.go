package delivery

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"alertd/internal/channel"
	"alertd/internal/incident"
)

// line is what one target of a channel is told about one incident, in the order of
// the notices. Its invariants:
//
//   - At most one delivery is ready or being sent: the first that is open.
//   - A later delivery is sent only after each earlier one has come to its end.
//   - A delivery comes to exactly one end, and only a retry by hand opens it again.
//
// A line belongs to one transaction. Its methods change the deliveries in it and
// return what there is to say about that; [Story.Changed] has what is to be saved.
type line struct {
	story *Story
	// deliveries are in the order of notices, each notice once.
	deliveries []*Delivery
}

// Change is what has happened to a delivery, for the timeline and the metrics.
type Change struct {
	Delivery Delivery
	Kind     incident.EntryKind
	// Text says in words what happened, and why.
	Text string
}

// Entry returns the change as a line of the incident's timeline.
func (c Change) Entry(at time.Time) incident.Entry {
	return incident.Entry{At: at, Kind: c.Kind, Reason: c.Text, Channel: c.Delivery.Channel, Target: c.Delivery.Target, Delivery: c.Delivery.ID.String()}
}

func changeOf(d *Delivery, kind incident.EntryKind, text string) Change {
	return Change{Delivery: *d, Kind: kind, Text: d.Reason.String() + " " + text}
}

// Open reports whether a delivery waits or is being sent.
func (d *Delivery) Open() bool { return d.Status == Waiting || d.Status == Sending }

// open returns the deliveries that wait or are being sent.
func (l *line) open() []*Delivery {
	var open []*Delivery
	for _, d := range l.deliveries {
		if d.Open() {
			open = append(open, d)
		}
	}
	return open
}

// settle makes the first open delivery ready if its time has come, and no other. A digest in
// place of one that has failed may have come in front of what is being sent.
func (l *line) settle(now time.Time) {
	open := l.open()
	sending := slices.ContainsFunc(open, func(d *Delivery) bool { return d.Status == Sending })
	for i, d := range open {
		ready := i == 0 && !sending && !d.DueAt.After(now)
		if d.Ready != ready || i == 0 && d.Status == Waiting {
			// Also the first that is not due yet: it may have been planned after now, by a
			// transaction that this one has waited for, and then it is woken when it is due.
			d.Ready = ready
			l.story.touch(d)
		}
	}
}

// end brings a delivery to its end.
func (l *line) end(d *Delivery, status Status, now time.Time) {
	d.Status, d.Ready, d.FinishedAt, d.Claim, d.Lease = status, false, now, ID{}, time.Time{}
	l.story.touch(d)
}

// toldBefore reports whether something was delivered before a notice.
func (l *line) toldBefore(notice int) bool {
	return slices.ContainsFunc(l.deliveries, func(d *Delivery) bool { return d.Status == Delivered && d.Notice < notice })
}

// around returns whether the target has heard of the incident before a delivery, or may
// still, and the open deliveries after it. Digests are about other incidents each: none needs
// those before it.
func (l *line) around(d *Delivery) (heard bool, later []*Delivery) {
	if d.Reason == incident.Digested {
		return true, nil
	}
	heard = l.toldBefore(d.Notice)
	for _, other := range l.open() {
		switch {
		case other.Notice < d.Notice:
			heard = true
		case other.Notice > d.Notice:
			later = append(later, other)
		}
	}
	return heard, later
}

// told reports whether the target was told of the incident, or is about to be.
func (l *line) told() bool {
	return slices.ContainsFunc(l.deliveries, func(d *Delivery) bool { return d.Status == Delivered || d.Open() })
}

// thread returns what the first message has left for later ones; "": nothing.
func (l *line) thread() string {
	for _, d := range l.deliveries {
		if d.Thread != "" {
			return d.Thread
		}
	}
	return ""
}

// toldAfter reports whether the target was told, or is just being told, of what came after
// a delivery's notice, so that the notice comes too late. A digest never does.
func (l *line) toldAfter(d *Delivery) bool {
	return d.Reason != incident.Digested && slices.ContainsFunc(l.deliveries, func(other *Delivery) bool {
		return other.Notice > d.Notice && (other.Status == Delivered || other.Status == Sending)
	})
}

// of returns the delivery of a notice, or nil.
func (l *line) of(notice int) *Delivery {
	for _, d := range l.deliveries {
		if d.Notice == notice {
			return d
		}
	}
	return nil
}

// insert puts a delivery at its place.
func (l *line) insert(d *Delivery) {
	at := len(l.deliveries)
	for at > 0 && l.deliveries[at-1].Notice > d.Notice {
		at--
	}
	l.deliveries = slices.Insert(l.deliveries, at, d)
}

// add puts a new delivery at its place, unless the notice was told before. It supersedes
// what waits and is overtaken by it.
func (l *line) add(d *Delivery, now time.Time) (changes []Change, added bool) {
	if l.of(d.Notice) != nil {
		return nil, false
	}
	changes = l.supersede(d, now)
	l.insert(d)
	l.story.touch(d)
	l.settle(now)
	return changes, true
}

// supersede ends what waits before a new delivery and is overtaken by it.
func (l *line) supersede(by *Delivery, now time.Time) (changes []Change) {
	heard := l.toldBefore(by.Notice)
	for _, d := range l.open() {
		if d.Notice > by.Notice {
			break
		}
		if d.Status == Sending || !overtakes(by, d, heard) {
			heard = true // from that one
			continue
		}
		d.Error = fmt.Sprintf("overtaken by notice %d (%s)", by.Notice, by.Reason)
		l.end(d, Superseded, now)
		changes = append(changes, changeOf(d, incident.EntrySuperseded, "not sent: overtaken by "+by.Reason.String()))
	}
	return changes
}

// overtakes reports whether a delivery leaves nothing to be said by another one. heard
// says whether the target hears of the incident without that one.
func overtakes(by, d *Delivery, heard bool) bool {
	return by.Reason.Overtakes(d.Reason) && (heard || by.Reason.Introduces())
}

// overtaker returns the delivery that leaves nothing to be said by one whose attempt has
// failed, or nil.
func (l *line) overtaker(d *Delivery) *Delivery {
	heard := l.toldBefore(d.Notice)
	for _, other := range l.deliveries {
		if other.Notice > d.Notice && (other.Open() || other.Status == Delivered) && overtakes(other, d, heard) {
			return other
		}
	}
	return nil
}

// Claimed notes that an attempt at a ready delivery begins.
func (d *Delivery) Claimed(claim ID, lease time.Time) {
	d.Status, d.Ready, d.Claim, d.Lease = Sending, false, claim, lease
}

// release gives back a delivery that was claimed and not sent.
func (l *line) release(d *Delivery, now time.Time) {
	d.Status, d.Claim, d.Lease = Waiting, ID{}, time.Time{}
	if d.DueAt.After(now) {
		d.DueAt = now
	}
	l.story.touch(d)
	l.settle(now)
}

// Void reports whether there is no sense in a delivery any more, as the incident's
// generation is another one: who was asked to act need not, since somebody does.
func (d *Delivery) Void(generation int) bool {
	return d.Generation < generation && d.Reason.AsksToAct()
}

// WakeAt returns when something becomes of a delivery by itself: the attempt under way
// is taken for lost, the next one is due, or it is given up. It is zero for one that has
// come to its end.
func (d *Delivery) WakeAt(now time.Time) time.Time {
	switch {
	case d.Status == Sending:
		return d.Lease
	case d.Status != Waiting:
		return time.Time{}
	case !d.Ready && d.DueAt.After(now) && d.DueAt.Before(d.GiveUpAt):
		return d.DueAt
	case d.GiveUpAt.After(now):
		return d.GiveUpAt
	}
	return now.Add(lookAgain)
}

const (
	// lookAgain is how long it takes until an attempt is looked at again that is made
	// although it is time to give up.
	lookAgain = 30 * time.Second
	// missedBy is how late something must be for alertd to have been away meanwhile.
	missedBy = 10 * time.Second
)

// owed reports whether a delivery has an attempt to come although it is time to give it
// up: it was never tried, its next attempt was due before, or alertd was away at that
// moment.
func (d *Delivery) owed(now time.Time) bool {
	return d.Attempts == 0 || d.DueAt.Before(d.GiveUpAt) || now.Sub(d.GiveUpAt) > missedBy && d.TriedAt.Before(d.GiveUpAt)
}

// Outlook is how a channel does.
type Outlook string

// The outlooks.
const (
	// Working: the channel takes messages.
	Working Outlook = "working"
	// Broken: it does not, or it is off.
	Broken Outlook = "broken"
	// Unknown: this alertd does not have the channel. Another replica may.
	Unknown Outlook = "unknown"
	// Gone: no alertd has the channel any more.
	Gone Outlook = "gone"
)

// wake does what is due for a delivery by itself, unless that is to give it up: then it
// returns why.
func (l *line) wake(d *Delivery, o Outlook, now time.Time) (giveUp string) {
	if d.Status == Sending {
		if d.Lease.After(now) {
			l.story.touch(d) // it is looked at again
			return ""
		}
		d.Status, d.Claim, d.Lease = Waiting, ID{}, time.Time{}
	}
	l.story.touch(d)
	switch late := !d.GiveUpAt.After(now); {
	case o == Gone:
		return withError(d, fmt.Sprintf("channel %s is not configured any more", d.Channel))
	case late && o == Unknown: // it is left to a replica that has the channel
	case late && (o == Broken || !d.owed(now)):
		return withError(d, fmt.Sprintf("given up after %s", d.GiveUpAt.Sub(d.CreatedAt).Round(time.Millisecond)))
	case late && d.DueAt.After(now): // what is owed is due
		d.DueAt = now
	}
	l.settle(now)
	return ""
}

// withError puts what went wrong last before why a delivery is given up.
func withError(d *Delivery, why string) string {
	if d.Error == "" {
		return why
	}
	return d.Error + "; " + why
}

// attempts says at which attempt something happened, unless it was the first.
func atAttempt(n int) string {
	if n == 1 {
		return ""
	}
	return " at attempt " + strconv.Itoa(n)
}

// Luck is a random number from 0 to 1, for jitter.
type Luck = float64

// finish records what became of an attempt. If that is the end of the delivery without
// success, giveUp says why.
func (l *line) finish(d *Delivery, r channel.Result, retry Retry, luck Luck, now time.Time) (change Change, giveUp string) {
	d.Attempts++
	d.TriedAt, d.Error, d.Claim, d.Lease = now, r.Error, ID{}, time.Time{}
	if r.Thread != "" {
		d.Thread = r.Thread
	}
	d.Status = Waiting // until it is known better
	step := After(*d, d.Attempts, r, retry, luck, now)
	if by := l.overtaker(d); step.Status == Waiting && by != nil {
		step = Step{Status: Superseded, DueAt: now, Why: "overtaken by " + by.Reason.String()}
	}
	d.DueAt = step.DueAt
	l.story.touch(d)
	switch step.Status {
	case Delivered:
		l.end(d, Delivered, now)
		change = changeOf(d, incident.EntryDelivered, "delivered"+atAttempt(d.Attempts))
	case Superseded:
		l.end(d, Superseded, now)
		change = changeOf(d, incident.EntrySuperseded, fmt.Sprintf("not delivered: %s; %s", r.Error, step.Why))
	case Waiting:
		change = changeOf(d, incident.EntryRetrying, fmt.Sprintf("not delivered: %s; %s", r.Error, step.Why))
	case Failed, Sending:
		return Change{}, r.Error + "; " + step.Why
	}
	l.settle(now)
	return change, ""
}
