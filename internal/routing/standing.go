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
	// leads says by what others are held back by those that are held back by something, and
	// by how many of them.
	leads map[inhibits]map[inhibits]int
}

// inhibits names what is held back: by an inhibition's key, and the values that must be
// equal.
type inhibits struct{ key, equal string }

// NewStanding returns what stands. Silences that cannot be compiled are left out.
func NewStanding(silences []Silence, inhibitors []Inhibitor) *Standing {
	s := &Standing{inhibitors: make(map[incident.Number]Inhibitor, len(inhibitors)), by: map[inhibits][]incident.Number{}, leads: map[inhibits]map[inhibits]int{}}
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
	next.leads = maps.Clone(s.leads)
	for what, to := range next.leads {
		next.leads[what] = maps.Clone(to)
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
	s.lead(i, 1)
}

// lead adds to the number of incidents that lead from what holds them back to what they do.
func (s *Standing) lead(i Inhibitor, incidents int) {
	for heldBy, value := range i.Held {
		from := inhibits{heldBy, value}
		for key, equal := range i.While {
			to := inhibits{key, equal}
			if s.leads[from] == nil {
				s.leads[from] = map[inhibits]int{}
			}
			if s.leads[from][to] += incidents; s.leads[from][to] == 0 {
				delete(s.leads[from], to)
			}
		}
		if len(s.leads[from]) == 0 {
			delete(s.leads, from)
		}
	}
}

// Release notes that an incident holds back nothing any more.
func (s *Standing) Release(number incident.Number) {
	for key, equal := range s.inhibitors[number].While {
		what := inhibits{key, equal}
		if at, found := slices.BinarySearch(s.by[what], number); found {
			s.by[what] = slices.Delete(s.by[what], at, at+1)
		}
		if len(s.by[what]) == 0 {
			delete(s.by, what)
		}
	}
	s.lead(s.inhibitors[number], -1)
	delete(s.inhibitors, number)
}

// Inhibitors returns the incidents that hold back something.
func (s *Standing) Inhibitors() []incident.Number { return slices.Collect(maps.Keys(s.inhibitors)) }

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
