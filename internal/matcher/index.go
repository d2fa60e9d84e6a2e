package matcher

import (
	"maps"
	"slices"

	"alertd/internal/alerting"
)

// Index finds which of many matchers match. It looks those that name sources up by the
// source, or by what is before the first wildcard of a pattern, and the others by severity
// and category, so that a matcher for something else costs nothing: BenchmarkIndex. It is
// immutable.
type Index struct {
	matchers []*Matcher
	// Each has positions in matchers.
	exact   map[string][]int
	heads   map[string][]int
	lengths []int // of the heads, ascending
	rest    [alerting.SeverityCritical + 1][alerting.CategoryOther + 1][]int
}

// NewIndex makes an index of matchers. A matcher's position is that in the list.
func NewIndex(of []*Matcher) *Index {
	x := &Index{matchers: slices.Clone(of), exact: map[string][]int{}, heads: map[string][]int{}}
	for i, m := range x.matchers {
		if !x.addSources(i, m.match.sources) {
			x.addRest(i, m)
		}
	}
	lengths := map[int]bool{}
	for head := range x.heads {
		lengths[len(head)] = true
	}
	x.lengths = slices.Sorted(maps.Keys(lengths))
	return x
}

// addSources returns false if the sources cannot be looked up: there are none, or one
// begins with a wildcard.
func (x *Index) addSources(i int, sources []glob) bool {
	if len(sources) == 0 || slices.ContainsFunc(sources, func(g glob) bool { return g.head == "" }) {
		return false
	}
	for _, g := range sources {
		in := x.heads
		if g.form == exact {
			in = x.exact
		}
		if at := in[g.head]; len(at) == 0 || at[len(at)-1] != i {
			in[g.head] = append(at, i)
		}
	}
	return true
}

func (x *Index) addRest(i int, m *Matcher) {
	for severity := range x.rest {
		for category := range x.rest[severity] {
			if m.severities.has(uint8(severity)) && m.categories.has(uint8(category)) {
				x.rest[severity][category] = append(x.rest[severity][category], i)
			}
		}
	}
}

// Match appends the positions of all matchers that match to a slice, ascending, and returns
// it. It allocates nothing if there is room and the subject's Context allocates nothing.
func (x *Index) Match(s *Subject, to []int) []int {
	begin := len(to)
	to = x.try(s, x.exact[s.Source], to)
	for _, length := range x.lengths {
		if length > len(s.Source) {
			break
		}
		to = x.try(s, x.heads[s.Source[:length]], to)
	}
	if s.Severity.Valid() && s.Category.Valid() {
		to = x.try(s, x.rest[s.Severity][s.Category], to)
	}
	slices.Sort(to[begin:])
	return to[:begin+len(slices.Compact(to[begin:]))] // several sources of a matcher may fit
}

func (x *Index) try(s *Subject, positions, to []int) []int {
	for _, i := range positions {
		if x.matchers[i].Matches(s) {
			to = append(to, i)
		}
	}
	return to
}
