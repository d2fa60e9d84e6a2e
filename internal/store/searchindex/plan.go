package searchindex

import (
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"alertd/internal/alerting"
)

// A term is what an event can be found by. Its uppermost byte says what it is.
const (
	termKind   uint64 = 1 << 56 // the severity and the category
	termSource uint64 = 2 << 56 // a hash of the source
	termText   uint64 = 3 << 56 // three bytes of the message in lower case
	termLong   uint64 = 4 << 56 // a message that is too long for those
)

func kindTerm(s alerting.Severity, c alerting.Category) uint64 {
	return termKind | uint64(s)<<8 | uint64(c)
}

func sourceTerm(source string) uint64 { return termSource | xxhash.Sum64String(source)>>8 }

// fold is how messages and what is looked for in them are compared. What
// alerting.Filter finds in a message, strings.Contains finds in its folded form.
func fold(text string) string { return strings.ToLower(text) }

// textTerm returns the term of the three bytes from i on. At the end of a text
// the missing ones are 0, which no message contains.
func textTerm(folded string, i int) uint64 {
	var three [4]byte
	copy(three[1:], folded[i:min(i+3, len(folded))])
	return termText | uint64(binary.BigEndian.Uint32(three[:]))
}

// termRange is a run of terms, both ends included.
type termRange struct{ from, to uint64 }

func only(term uint64) termRange { return termRange{term, term} }

// group is what an event must have one of.
type group []termRange

// Plan is a filter in terms of the index: an event can match if it has, of each
// group of each stage, at least one term, and its timestamp is in time. The stages
// are in the order in which they pay: what narrows most comes first, and what is
// dear, as many events have it, comes last.
type Plan struct {
	stages       [][]group
	since, until int64 // microseconds since 1970; until is excluded
}

// Of a text, so many parts are looked up, and so many of them at first. More
// would leave fewer events to look at, and cost more than that.
const (
	maxTextTerms   = 6
	firstTextTerms = 2
)

// NewPlan returns the plan for what a filter asks for.
func NewPlan(f alerting.Filter) *Plan {
	p := &Plan{since: math.MinInt64, until: math.MaxInt64}
	if !f.Since.IsZero() {
		p.since = ceilMicro(f.Since)
	}
	if !f.Until.IsZero() {
		p.until = ceilMicro(f.Until)
	}
	var narrow []group
	if len(f.Sources) > 0 {
		var sources group
		for _, source := range f.Sources {
			sources = append(sources, only(sourceTerm(source)))
		}
		narrow = append(narrow, sources)
	}
	text := textGroups(fold(f.Text))
	n := min(len(text), firstTextTerms)
	p.add(append(narrow, text[:n]...)...)
	p.add(text[n:]...)
	if f.MinSeverity > alerting.SeverityDebug || len(f.Categories) > 0 {
		p.add(kindsOf(f))
	}
	return p
}

func (p *Plan) add(groups ...group) {
	if len(groups) > 0 {
		p.stages = append(p.stages, groups)
	}
}

// ceilMicro: timestamps are whole microseconds, a bound between two counts as
// the later.
func ceilMicro(t time.Time) int64 { return t.Add(time.Microsecond - 1).UnixMicro() }

func kindsOf(f alerting.Filter) group {
	categories := f.Categories
	if len(categories) == 0 {
		categories = alerting.Categories()
	}
	kinds := make(group, 0, 40)
	for _, severity := range alerting.Severities() {
		for _, category := range categories {
			if severity >= f.MinSeverity {
				kinds = append(kinds, only(kindTerm(severity, category)))
			}
		}
	}
	return kinds
}

// textGroups returns the parts of a text that are looked up, those in its middle
// first: beginnings of words and numbers are what texts have in common. An event
// whose message is too long may have each of them.
func textGroups(folded string) []group {
	switch n := len(folded); n {
	case 0:
		return nil
	case 1, 2:
		from := textTerm(folded, 0)
		return []group{{{from, from | (1<<(8*(3-n)) - 1)}, only(termLong)}}
	}
	starts := len(folded) - 2
	n := min(starts, maxTextTerms)
	groups := make([]group, n)
	for i := range n {
		at := 0
		if n > 1 {
			at = i * (starts - 1) / (n - 1)
		}
		groups[(i+n-n/2)%n] = group{only(textTerm(folded, at)), only(termLong)}
	}
	return groups
}
