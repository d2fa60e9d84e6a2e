package incident

import (
	"cmp"
	"slices"
	"time"

	"alertd/internal/alerting"
)

const (
	// MaxWorst is how many incidents a digest names.
	MaxWorst = 5
	// MaxSources is how many sources a digest names. The rest counts as [OtherSources].
	MaxSources = 5
	// OtherSources is the name under which the sources that a digest does not name are
	// counted.
	OtherSources = "other"
)

// Digest tells in one message of incidents that were held back.
type Digest struct {
	// Since and Until are the times between which they were held back.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Why says in words what held them back, such as "channel slack takes 30 messages an hour".
	Why string `json:"why"`
	// Incidents is how many there are, and Events how many of their events nobody was told of.
	Incidents int    `json:"incidents"`
	Events    uint64 `json:"events"`
	// BySeverity, ByCategory and BySource count the incidents: by severity the worst first,
	// by the others the most first. BySource has at most [MaxSources] sources, and then
	// [OtherSources] for the rest.
	BySeverity []Tally `json:"by_severity"`
	ByCategory []Tally `json:"by_category"`
	BySource   []Tally `json:"by_source"`
	// Worst are at most [MaxWorst] of the incidents: the most severe first, the latest first
	// of a severity.
	Worst []DigestItem `json:"worst"`
}

// Tally is how many incidents have a severity, a category or a source.
type Tally struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// DigestItem is one incident of a digest, as it was when the digest was made.
type DigestItem struct {
	Ref
	Severity alerting.Severity `json:"severity"`
	Source   string            `json:"source"`
	Message  string            `json:"message"`
	Status   Status            `json:"status"`
	// URL is where to see more. It is for messages; "" in a digest that is kept.
	URL string `json:"url,omitzero"`
}

// Held is an incident that was held back, and how many of its events nobody was told of.
type Held struct {
	Incident *Incident
	Events   uint64
}

// NewDigest returns the digest of incidents that were held back, in any order, each once.
// Its Why is for the caller to say.
func NewDigest(since, until time.Time, held []Held) Digest {
	d := Digest{Since: since, Until: until, Incidents: len(held)}
	held = slices.SortedFunc(slices.Values(held), func(a, b Held) int {
		return cmp.Or(cmp.Compare(b.Incident.Severity, a.Incident.Severity), cmp.Compare(b.Incident.Number, a.Incident.Number))
	})
	for n, h := range held {
		d.Events += h.Events
		if n < MaxWorst {
			i := h.Incident
			d.Worst = append(d.Worst, DigestItem{
				Ref: Ref{Number: i.Number, ID: i.ID}, Severity: i.Severity, Source: i.Source, Message: i.Message, Status: i.Status,
			})
		}
	}
	d.BySeverity = tally(held, func(i *Incident) string { return i.Severity.String() }) // sorted as held is
	d.ByCategory = tally(held, func(i *Incident) string { return i.Category.String() })
	d.BySource = tally(held, func(i *Incident) string { return i.Source })
	byCount := func(a, b Tally) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) }
	slices.SortFunc(d.ByCategory, byCount)
	slices.SortFunc(d.BySource, byCount)
	if len(d.BySource) > MaxSources {
		rest := 0
		for _, t := range d.BySource[MaxSources:] {
			rest += t.Count
		}
		d.BySource = append(d.BySource[:MaxSources], Tally{OtherSources, rest})
	}
	return d
}

// tally counts incidents by a name of theirs, in the order of their first.
func tally(held []Held, name func(*Incident) string) (tallies []Tally) {
	at := map[string]int{}
	for _, h := range held {
		name := name(h.Incident)
		if _, known := at[name]; !known {
			at[name] = len(tallies)
			tallies = append(tallies, Tally{Name: name})
		}
		tallies[at[name]].Count++
	}
	return tallies
}

// Severity returns the severity of the worst incident.
func (d *Digest) Severity() alerting.Severity {
	if len(d.Worst) == 0 {
		return alerting.SeverityDebug
	}
	return d.Worst[0].Severity
}
