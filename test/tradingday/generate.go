package tradingday

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"alertd/internal/alerting"
)

// Generate returns the alerts of a day, in the order in which they are sent. The same seed
// makes the same day.
func Generate(seed uint64) []Alert {
	s := &script{rand: rand.New(rand.NewPCG(seed, 0))}
	for _, scene := range []func(){
		s.latency, s.batch, s.start, s.limits, s.outage, s.session, s.storm, s.halt, s.everyday, s.emergencies,
	} {
		scene()
	}
	slices.SortStableFunc(s.alerts, func(a, b Alert) int { return cmp.Compare(a.At, b.At) })
	return s.alerts
}

// script is a day that is being written.
type script struct {
	rand   *rand.Rand
	alerts []Alert
}

// trouble is what the alerts about one problem have in common.
type trouble struct {
	problem, explained string
	kind               string
	category           alerting.Category
	source             string
	context            map[string]any
	dedupKey           string
}

// say adds an alert at a time of day.
func (s *script) say(at time.Duration, t trouble, severity alerting.Severity, format string, args ...any) {
	s.alerts = append(s.alerts, Alert{
		At: at.Truncate(100 * time.Millisecond), Problem: t.problem, Explained: t.explained, Kind: t.kind,
		Body: Body{Severity: severity, Category: t.category, Source: t.source, Message: fmt.Sprintf(format, args...), Context: t.context, DedupKey: t.dedupKey},
	})
}

// end adds an alert that the problem is over.
func (s *script) end(at time.Duration, t trouble, severity alerting.Severity, format string, args ...any) {
	s.say(at, t, severity, format, args...)
	s.alerts[len(s.alerts)-1].Body.Resolves = true
}

// about returns the trouble with further data.
func (t trouble) about(context map[string]any) trouble {
	t.context = context
	return t
}

// at returns a time of day.
func at(hour, minute, second int) time.Duration {
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
}

// between returns a random time, to 100 ms, from a time on and before another.
func (s *script) between(from, to time.Duration) time.Duration {
	return from + time.Duration(s.rand.Int64N(int64((to-from)/(100*time.Millisecond))))*100*time.Millisecond
}

// number returns a random number from a number on and up to another.
func (s *script) number(from, to int) int { return from + s.rand.IntN(to-from+1) }

// or returns the one in so many per cent of cases, else the other.
func (s *script) or(percent int, one, other alerting.Severity) alerting.Severity {
	if s.rand.IntN(100) < percent {
		return one
	}
	return other
}
