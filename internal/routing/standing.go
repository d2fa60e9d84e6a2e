package routing

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/matcher"
)

// Standing is what decisions depend on beside the rules: the silences, and the incidents
// that hold back others. It is safe for concurrent use as long as nobody changes it.
type Standing struct {
	silences   []Silence
	index      *matcher.Index
	inhibitors map[incident.Number]Inhibitor
	// by are the inhibitors by the inhibition and the values that must be equal, in ascending
	// order.
	by map[inhibits][]incident.Number
}

// inhibits names what is held back: by an inhibition's key, and the values that must be
// equal.
type inhibits struct{ key, equal string }

// NewStanding returns what stands. Silences that cannot be compiled are left out.
func NewStanding(silences []Silence, inhibitors []Inhibitor) *Standing {
	s := &Standing{inhibitors: make(map[incident.Number]Inhibitor, len(inhibitors)), by: map[inhibits][]incident.Number{}}
	var matchers []*matcher.Matcher
	slices.SortFunc(silences, func(a, b Silence) int { return cmp.Compare(a.ID, b.ID) })
	for _, silence := range silences {
		if m, err := silence.Compile(); err == nil {
			s.silences, matchers = append(s.silences, silence), append(matchers, m)
		}
	}
	if len(matchers) > 0 {
		s.index = matcher.NewIndex(matchers)
	}
	for _, i := range inhibitors {
		s.Inhibit(i)
	}
	return s
}

// Clone returns a copy that can be changed.
func (s *Standing) Clone() *Standing {
	next := *s
	next.inhibitors, next.by = maps.Clone(s.inhibitors), maps.Clone(s.by)
	for what, numbers := range next.by {
		next.by[what] = slices.Clone(numbers)
	}
	return &next
}

// Inhibit notes what an incident holds back from now on.
func (s *Standing) Inhibit(i Inhibitor) {
	s.Release(i.Incident)
	s.inhibitors[i.Incident] = i
	for key, equal := range i.While {
		what := inhibits{key, equal}
		at, _ := slices.BinarySearch(s.by[what], i.Incident)
		s.by[what] = slices.Insert(s.by[what], at, i.Incident)
	}
}

// Release notes that an incident holds back nothing any more.
func (s *Standing) Release(number incident.Number) {
	for key, equal := range s.inhibitors[number].While {
		what := inhibits{key, equal}
		if at, found := slices.BinarySearch(s.by[what], number); found {
			s.by[what] = slices.Delete(s.by[what], at, at+1)
		}
	}
	delete(s.inhibitors, number)
}

// Inhibitor returns what an incident holds back; false: nothing.
func (s *Standing) Inhibitor(number incident.Number) (Inhibitor, bool) {
	i, known := s.inhibitors[number]
	return i, known
}

// Knows reports whether an inhibitor stands as it is.
func (s *Standing) Knows(i Inhibitor) bool {
	known, found := s.inhibitors[i.Incident]
	return found && maps.Equal(known.While, i.While) && maps.Equal(known.Held, i.Held)
}

// Silences reports whether a silence holds back an incident at a time.
func (s *Standing) Silences(i *incident.Incident, of *matcher.Subject, now time.Time) bool {
	return s.silenced(of, i.Severity >= alerting.SeverityCritical, now) != nil
}
