package matcher

import "slices"

// Covers reports whether everything that other matches is certainly matched by m. It may
// miss that it is so: it compares globs by what is before their first wildcard, and regular
// expressions by their text.
func (m *Matcher) Covers(other *Matcher) bool {
	return other.severities&^m.severities == 0 && other.categories&^m.categories == 0 &&
		m.match.holdFor(&other.match) && m.not.excludedBy(other)
}

// holdFor reports whether everything for which other holds has all of it.
func (t *texts) holdFor(other *texts) bool {
	if len(t.sources) > 0 {
		if len(other.sources) == 0 {
			return false
		}
		for i := range other.sources {
			if !slices.ContainsFunc(t.sources, func(g glob) bool { return g.covers(&other.sources[i]) }) {
				return false
			}
		}
	}
	if t.message != nil && (other.message == nil || other.message.String() != t.message.String()) {
		return false
	}
	for i := range t.context {
		if !slices.ContainsFunc(other.context, t.context[i].coversMember) {
			return false
		}
	}
	return true
}

// excludedBy reports whether nothing that other matches has any of it.
func (t *texts) excludedBy(other *Matcher) bool {
	for i := range t.sources {
		g := &t.sources[i]
		apart := len(other.match.sources) > 0 && !slices.ContainsFunc(other.match.sources, func(o glob) bool { return !o.disjoint(g) })
		if !apart && !slices.ContainsFunc(other.not.sources, func(o glob) bool { return o.covers(g) }) {
			return false
		}
	}
	if t.message != nil && (other.not.message == nil || other.not.message.String() != t.message.String()) {
		return false
	}
	for i := range t.context {
		mine := &t.context[i]
		apart := func(o member) bool { return o.name == mine.name && o.glob.disjoint(&mine.glob) }
		covered := func(o member) bool { return o.name == mine.name && o.glob.covers(&mine.glob) }
		if !slices.ContainsFunc(other.match.context, apart) && !slices.ContainsFunc(other.not.context, covered) {
			return false
		}
	}
	return true
}

func (m *member) coversMember(other member) bool {
	return m.name == other.name && m.glob.covers(&other.glob)
}
