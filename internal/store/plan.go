package store

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

// plan is a filter in terms of the index: an event can match if it has, of each
// group, at least one term, and its timestamp is in time.
type plan struct {
	groups       [][]termRange
	since, until int64 // microseconds since 1970; until is excluded
}

// maxTextTerms is how many parts of a text are looked up. More would leave fewer
// events to look at, and cost more than that.
const maxTextTerms = 6

func newPlan(f alerting.Filter) *plan {
	p := &plan{since: math.MinInt64, until: math.MaxInt64}
	if !f.Since.IsZero() {
		p.since = ceilMicro(f.Since)
	}
	if !f.Until.IsZero() {
		p.until = ceilMicro(f.Until)
	}
	if f.MinSeverity > alerting.SeverityDebug || len(f.Categories) > 0 {
		p.groups = append(p.groups, kindGroup(f))
	}
	if len(f.Sources) > 0 {
		var group []termRange
		for _, source := range f.Sources {
			group = append(group, only(sourceTerm(source)))
		}
		p.groups = append(p.groups, group)
	}
	if f.Text != "" {
		p.addText(fold(f.Text))
	}
	return p
}

// ceilMicro: timestamps are whole microseconds, a bound between two counts as
// the later.
func ceilMicro(t time.Time) int64 { return t.Add(time.Microsecond - 1).UnixMicro() }

func kindGroup(f alerting.Filter) []termRange {
	categories := f.Categories
	if len(categories) == 0 {
		categories = alerting.Categories()
	}
	group := make([]termRange, 0, 40)
	for _, severity := range alerting.Severities() {
		for _, category := range categories {
			if severity >= f.MinSeverity {
				group = append(group, only(kindTerm(severity, category)))
			}
		}
	}
	return group
}

func (p *plan) addText(folded string) {
	if n := len(folded); n < 3 {
		from := textTerm(folded, 0)
		p.groups = append(p.groups, []termRange{{from, from | (1<<(8*(3-n)) - 1)}})
		return
	}
	starts := len(folded) - 2
	n := min(starts, maxTextTerms)
	for i := range n {
		at := 0
		if n > 1 {
			at = i * (starts - 1) / (n - 1)
		}
		p.groups = append(p.groups, []termRange{only(textTerm(folded, at))})
	}
}
