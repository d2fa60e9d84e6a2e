package delivery

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
)

// Story is all that is told of one incident: its lines. It belongs to one transaction,
// which loads it, has it changed, and saves what [Story.Changed] returns.
type Story struct {
	Incident incident.Number
	lines    map[place]*line
	changed  []*Delivery
	touched  map[*Delivery]bool
}

// place names a line of a story.
type place struct{ channel, target string }

func (p place) compare(q place) int {
	return cmp.Or(strings.Compare(p.channel, q.channel), strings.Compare(p.target, q.target))
}

// NewStory returns the story of an incident that nobody was told of yet.
func NewStory(number incident.Number) *Story {
	return &Story{Incident: number, lines: map[place]*line{}, touched: map[*Delivery]bool{}}
}

// line returns what a target of a channel is told.
func (s *Story) line(channel, target string) *line {
	at := place{channel, target}
	found := s.lines[at]
	if found == nil {
		found = &line{story: s}
		s.lines[at] = found
	}
	return found
}

func (s *Story) lineOf(d *Delivery) *line { return s.line(d.Channel, d.Target) }

// Load puts a delivery into the story as it was saved.
func (s *Story) Load(d Delivery) { s.lineOf(&d).insert(&d) }

// Told implements [Told]. A message to a channel as a whole, of a time when it had no
// targets, was told to each of them.
func (s *Story) Told(channel, target string) bool {
	for _, at := range []place{{channel, target}, {channel, ""}} {
		if line := s.lines[at]; line != nil && line.told() {
			return true
		}
	}
	return false
}

// Thread returns what the first message to a target has left for later ones.
func (s *Story) Thread(d *Delivery) string { return s.lineOf(d).thread() }

// Find returns the delivery with this number, nil if it is not in the story.
func (s *Story) Find(number Number) *Delivery {
	for _, line := range s.lines {
		for _, d := range line.deliveries {
			if d.Number == number {
				return d
			}
		}
	}
	return nil
}

// First returns the first open delivery to a target of a channel, for one attempt that
// shows whether the channel works again. It is nil if none waits.
func (s *Story) First(channel, target string) *Delivery {
	if line := s.lines[place{channel, target}]; line != nil {
		if open := line.open(); len(open) > 0 && open[0].Status == Waiting {
			return open[0]
		}
	}
	return nil
}

// Last returns the latest delivery to a target of a channel, nil if there is none.
func (s *Story) Last(channel, target string) *Delivery {
	line := s.lines[place{channel, target}]
	if line == nil || len(line.deliveries) == 0 {
		return nil
	}
	return line.deliveries[len(line.deliveries)-1]
}

// Open returns the open deliveries of each line that has some, in the order in which they are
// sent.
func (s *Story) Open() (lines [][]*Delivery) {
	for _, at := range slices.SortedFunc(maps.Keys(s.lines), place.compare) {
		if open := s.lines[at].open(); len(open) > 0 {
			lines = append(lines, open)
		}
	}
	return lines
}

// ToldAt returns when a delivery to a target of a channel was accepted last, zero if none
// was.
func (s *Story) ToldAt(channel, target string) (at time.Time) {
	if line := s.lines[place{channel, target}]; line != nil {
		for _, d := range line.deliveries {
			if d.Status == Delivered && d.FinishedAt.After(at) {
				at = d.FinishedAt
			}
		}
	}
	return at
}

// touch notes that a delivery is to be saved.
func (s *Story) touch(d *Delivery) {
	if !s.touched[d] {
		s.touched[d] = true
		s.changed = append(s.changed, d)
	}
}

// Changed returns the deliveries that are new or have changed.
func (s *Story) Changed() []*Delivery { return s.changed }

// Mint returns a new delivery's id and number.
type Mint func() (ID, Number)

// Plan puts a message about a notice into the line of a target, to be sent once what
// comes before it has come to its end. It returns nil if the target was told of the
// notice before, and what the message supersedes.
func (s *Story) Plan(n incident.Notice, p Policy, target string, mint Mint, now time.Time) (*Delivery, []Change) {
	d := &Delivery{
		Incident: s.Incident, IncidentID: n.Incident.ID, Generation: n.Incident.Generation,
		Notice: n.Number, Reason: n.Reason, Channel: p.Name, Target: target,
	}
	return s.plan(d, p, mint, now)
}

func (s *Story) plan(d *Delivery, p Policy, mint Mint, now time.Time) (*Delivery, []Change) {
	d.ID, d.Number = mint()
	d.Status, d.CreatedAt, d.DueAt, d.GiveUpAt = Waiting, now, now, now.Add(p.Retry.GiveUpAfter)
	changes, added := s.lineOf(d).add(d, now)
	if !added {
		return nil, nil
	}
	return d, changes
}

// Claim notes that an attempt at a ready delivery begins.
func (s *Story) Claim(d *Delivery, claim ID, lease time.Time) {
	d.Claimed(claim, lease)
	s.touch(d)
}

// Release gives back a delivery that was claimed and not sent.
func (s *Story) Release(d *Delivery, now time.Time) { s.lineOf(d).release(d, now) }

// Wake does what is due for a delivery by itself: see [Delivery.WakeAt]. If it is to be
// given up, it returns why.
func (s *Story) Wake(d *Delivery, o Outlook, now time.Time) (giveUp string) {
	giveUp = s.lineOf(d).wake(d, o, now)
	if giveUp != "" {
		d.Error = giveUp
	}
	return giveUp
}

// Finish records what became of an attempt. If the delivery is to be given up, it returns
// why, and no change: [Story.GiveUp] has to follow.
func (s *Story) Finish(d *Delivery, r channel.Result, retry Retry, luck Luck, now time.Time) (change Change, giveUp string) {
	return s.lineOf(d).finish(d, r, retry, luck, now)
}

// Supersede ends a delivery that waits, or was just claimed.
func (s *Story) Supersede(d *Delivery, why string, now time.Time) Change {
	line := s.lineOf(d)
	d.Error = why
	line.end(d, Superseded, now)
	line.settle(now)
	return changeOf(d, incident.EntrySuperseded, "not sent: "+why)
}

// GiveUp ends a delivery that has failed, and why says in words what led to that. Its channel's fallback is told in its place,
// and of what was to be told after it, so that it hears the story from here to its end.
// A target that has heard nothing of the incident is sent nothing that only makes sense
// to those who have. fallback is nil if there is none; one that is off is not told.
func (s *Story) GiveUp(d *Delivery, why string, fallback *Policy, mint Mint, now time.Time) []Change {
	line := s.lineOf(d)
	line.end(d, Failed, now)
	changes := []Change{changeOf(d, incident.EntryFailed, "not delivered: "+why)}
	heard, later := line.around(d)
	if fallback != nil {
		for _, owed := range append([]*Delivery{d}, later...) {
			changes = append(changes, s.fallBack(owed, fallback, mint, now)...)
		}
	}
	if !heard {
		changes = append(changes, s.supersedeUnheard(later, now)...)
	}
	line.settle(now)
	return changes
}

// Void ends a delivery that need not be sent any more, and, if the target has heard nothing
// of the incident, what waits behind it and only makes sense to those who have.
func (s *Story) Void(d *Delivery, why string, now time.Time) []Change {
	heard, later := s.lineOf(d).around(d)
	changes := []Change{s.Supersede(d, why, now)}
	if !heard {
		changes = append(changes, s.supersedeUnheard(later, now)...)
	}
	return changes
}

// supersedeUnheard ends deliveries, in their order, up to the first that is sent to those
// who have heard nothing of the incident.
func (s *Story) supersedeUnheard(deliveries []*Delivery, now time.Time) (changes []Change) {
	for _, d := range deliveries {
		if d.Reason.Introduces() || d.Status != Waiting {
			break
		}
		changes = append(changes, s.Supersede(d, "the channel has heard nothing of the incident", now))
	}
	return changes
}

// fallBack plans a delivery on the fallback in place of one that has failed.
func (s *Story) fallBack(d *Delivery, p *Policy, mint Mint, now time.Time) (changes []Change) {
	if !p.Enabled {
		return []Change{changeOf(d, incident.EntryPlanned, "not told to the fallback "+p.Name+": it is off")}
	}
	for _, target := range p.TargetNames() {
		if s.line(p.Name, target).toldAfter(d) {
			changes = append(changes, changeOf(d, incident.EntryPlanned, "not told to the fallback "+p.Name+": it was told of what came after"))
			continue
		}
		instead, more := s.plan(&Delivery{
			Incident: d.Incident, IncidentID: d.IncidentID, Generation: d.Generation, Notice: d.Notice, Reason: d.Reason,
			Channel: p.Name, Target: target, FallbackFor: d.ID, Others: d.Others,
		}, *p, mint, now)
		if instead == nil {
			changes = append(changes, changeOf(d, incident.EntryPlanned, "not told to the fallback "+p.Name+" again"))
			continue
		}
		changes = append(append(changes, more...), changeOf(instead, incident.EntryPlanned, "told to the fallback "+p.Name+" instead of "+d.Channel))
	}
	return changes
}

// Retry makes a delivery that has failed wait again. resolution is the notice that the
// incident is over, nil if it is not: the target is told that, too, so that nothing
// stays open there that never ends. The error is an [*alerting.Error] with
// [alerting.CodeConflict].
func (s *Story) Retry(failed *Delivery, resolution *incident.Notice, p Policy, mint Mint, now time.Time) ([]Change, error) {
	if failed.Status != Failed {
		return nil, conflict("delivery %s is %s; only one that has failed can be retried", failed.ID, failed.Status)
	}
	line := s.lineOf(failed)
	if line.toldAfter(failed) {
		return nil, conflict("channel %s was told since what came after delivery %s; to tell it now would turn the order around", failed.Channel, failed.ID)
	}
	s.revive(failed, p, now)
	changes := []Change{changeOf(failed, incident.EntryRetrying, "tried again by hand")}
	if resolution == nil || !p.Resolved || resolution.Number <= failed.Notice {
		return changes, nil
	}
	switch end := line.of(resolution.Number); {
	case end == nil:
		_, more := s.Plan(*resolution, p, failed.Target, mint, now)
		changes = append(changes, more...)
	case !end.Open():
		end.Error = ""
		s.revive(end, p, now)
	}
	return changes, nil
}

// revive makes a delivery that has come to its end wait again.
func (s *Story) revive(d *Delivery, p Policy, now time.Time) {
	d.Status, d.FinishedAt, d.DueAt, d.GiveUpAt, d.Reported = Waiting, time.Time{}, now, now.Add(p.Retry.GiveUpAfter), false
	s.touch(d)
	s.lineOf(d).settle(now)
}

// Reschedule gives a delivery that waits for its next attempt the time that the retry
// settings of today give it.
func (s *Story) Reschedule(d *Delivery, retry Retry, luck Luck, now time.Time) {
	if d.Status != Waiting || d.Ready || d.Attempts == 0 {
		return
	}
	d.DueAt = d.TriedAt.Add(retry.wait(d.Attempts, 0, luck))
	if last := d.GiveUpAt.Add(-retry.Initial); d.DueAt.After(last) && last.After(now) {
		d.DueAt = last
	}
	s.touch(d)
	s.lineOf(d).settle(now)
}

// ChannelKey is the dedup_key of alertd's alerts about one of its channels.
func ChannelKey(channel string) string { return "alertd.channel." + channel }

func conflict(format string, args ...any) error {
	return &alerting.Error{Code: alerting.CodeConflict, Message: fmt.Sprintf(format, args...)}
}

// GivenUp returns the alert that alertd raises about deliveries of one channel that have
// failed, the first planned first. It returns false if all of them were about alertd
// itself: such a message that fails is no cause for another.
func GivenUp(failed []Failure) (alerting.Alert, bool) {
	var told []Failure
	for _, f := range failed {
		if f.Source != alerting.OwnSource {
			told = append(told, f)
		}
	}
	if len(told) == 0 {
		return alerting.Alert{}, false
	}
	first := told[0].Delivery
	about := fmt.Sprintf("incident %d", first.Incident)
	if first.Incident == incident.Digests {
		about = "several incidents"
	}
	message := fmt.Sprintf("channel %s: a message about %s (%s) was not delivered: %s", first.Channel, about, first.Reason, first.Error)
	if len(told) > 1 {
		message = fmt.Sprintf("channel %s: %d messages were not delivered, the first about %s (%s): %s", first.Channel, len(told), about, first.Reason, first.Error)
	}
	return alerting.Alert{
		Severity: alerting.SeverityError, Category: alerting.CategorySystemHealth, Source: alerting.OwnSource,
		Message: message, DedupKey: ChannelKey(first.Channel),
	}, true
}

// Failure is a delivery that has failed, with the source of its incident.
type Failure struct {
	Delivery Delivery
	Source   string
}
