package routing

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"alertd/internal/alerting"
)

const (
	// stormWindow is the time over which events are counted, in stormSlots parts.
	stormWindow = time.Minute
	stormSlots  = 12
	stormSlot   = stormWindow / stormSlots
	// stormTop is how many sources and categories are named, and stormNames how many
	// sources are counted by name.
	stormTop   = 5
	stormNames = 200
	// StormKey is the dedup_key of alertd's alert that there is a storm.
	StormKey = "alertd.storm"
)

// StormState says how many events came lately, and whether that is a storm. The zero value
// is calm. Its JSON is what the store keeps.
type StormState struct {
	Slots []StormCount `json:"slots,omitzero"` // oldest first
	// Open says that there is a storm, and Since since when. Calm is since when the rate is
	// below half of the threshold; zero: it is not.
	Open  bool      `json:"open,omitzero"`
	Since time.Time `json:"since,omitzero"`
	Calm  time.Time `json:"calm,omitzero"`
}

// StormCount is how many events came in a part of a minute.
type StormCount struct {
	At         time.Time      `json:"at"`
	Events     int            `json:"events"`
	Sources    map[string]int `json:"sources"`
	Categories map[string]int `json:"categories"`
}

// Count counts events that come at a time, except alertd's own, and returns the alert that
// a storm has begun or ended, if one has.
func (s *StormState) Count(storm Storm, events []*alerting.Event, now time.Time) *alerting.Alert {
	if n := len(s.Slots); n > 0 && s.Slots[n-1].At.After(now) || s.Calm.After(now) { // a clock was set back
		s.Slots, s.Calm = nil, time.Time{}
	}
	slot := now.Truncate(stormSlot)
	s.Slots = slices.DeleteFunc(s.Slots, func(c StormCount) bool { return now.Sub(c.At) >= stormWindow })
	for _, e := range events {
		if e.Source() == alerting.OwnSource {
			continue
		}
		if n := len(s.Slots); n == 0 || !s.Slots[n-1].At.Equal(slot) {
			s.Slots = append(s.Slots, StormCount{At: slot, Sources: map[string]int{}, Categories: map[string]int{}})
		}
		c := &s.Slots[len(s.Slots)-1]
		c.Events++
		source := e.Source()
		if _, known := c.Sources[source]; !known && len(c.Sources) >= stormNames {
			source = "others"
		}
		c.Sources[source]++
		c.Categories[e.Category().String()]++
	}
	return s.judge(storm, now)
}

// rate returns how many events came in the last minute.
func (s *StormState) rate() (events int) {
	for _, c := range s.Slots {
		events += c.Events
	}
	return events
}

func (s *StormState) judge(storm Storm, now time.Time) *alerting.Alert {
	rate := s.rate()
	switch {
	case storm.Threshold <= 0 && !s.Open:
		return nil
	case !s.Open && rate >= storm.Threshold:
		s.Open, s.Since, s.Calm = true, now, time.Time{}
		return s.alert(fmt.Sprintf("storm: %d events in a minute, the threshold is %d; below %s incidents are told in digests only; %s",
			rate, storm.Threshold, storm.Pass, s.top()), alerting.SeverityError)
	case !s.Open:
		return nil
	case 2*rate >= storm.Threshold && storm.Threshold > 0:
		s.Calm = time.Time{}
	case s.Calm.IsZero():
		s.Calm = now
	}
	if storm.Threshold > 0 && (s.Calm.IsZero() || now.Sub(s.Calm) < stormWindow) {
		return nil
	}
	s.Open, s.Calm = false, time.Time{}
	alert := s.alert(fmt.Sprintf("the storm since %s is over: %d events in the last minute", alerting.FormatTime(s.Since), rate), alerting.SeverityInfo)
	alert.Resolves = true
	return alert
}

func (s *StormState) alert(message string, severity alerting.Severity) *alerting.Alert {
	return &alerting.Alert{
		Severity: severity, Category: alerting.CategorySystemHealth, Source: alerting.OwnSource, Message: message, DedupKey: StormKey,
	}
}

// LookAt returns when the state is to be judged again, though no event comes; zero: not.
func (s *StormState) LookAt(now time.Time) time.Time {
	if !s.Open {
		return time.Time{}
	}
	return now.Add(stormSlot)
}

// top names the sources and categories with the most events.
func (s *StormState) top() string {
	sources, categories := map[string]int{}, map[string]int{}
	for _, c := range s.Slots {
		for name, n := range c.Sources {
			sources[name] += n
		}
		for name, n := range c.Categories {
			categories[name] += n
		}
	}
	return "most are from " + most(sources) + ", about " + most(categories)
}

func most(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	texts := make([]string, 0, stormTop)
	for _, name := range names[:min(stormTop, len(names))] {
		texts = append(texts, fmt.Sprintf("%s (%d)", name, counts[name]))
	}
	return strings.Join(texts, ", ")
}
