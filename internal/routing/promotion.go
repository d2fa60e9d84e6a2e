package routing

import (
	"fmt"
	"slices"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// Promoted is what a promotion makes of an incident.
type Promoted struct {
	To alerting.Severity
	// Why says what was counted, such as "10 events within 15m0s (promotion often)".
	Why string
}

// Promote counts an event of an incident for the promotions that match it, and returns what
// they make of the incident. Each promotion has its effect once.
func (r *Rules) Promote(i *incident.Incident, e *alerting.Event, now time.Time) (promoted []Promoted) {
	if r.promotions.size == 0 {
		return nil
	}
	for _, n := range r.promotions.matching(SubjectOf(e)) {
		p := r.settings.Promotions[n]
		if slices.Contains(i.Promoted, p.Name) {
			continue
		}
		times := slices.DeleteFunc(append(i.Counted[p.Name], now.UnixMicro()), func(at int64) bool {
			ago := now.Sub(time.UnixMicro(at))
			return ago >= p.Within || ago < 0 // or a clock was set back
		})
		if len(times) < p.Count {
			if i.Counted == nil {
				i.Counted = map[string][]int64{}
			}
			i.Counted[p.Name] = times
			continue
		}
		delete(i.Counted, p.Name)
		i.Promoted = append(i.Promoted, p.Name)
		to := p.To
		if to == 0 {
			to = min(i.Severity+alerting.Severity(p.Up), alerting.SeverityCritical) //nolint:gosec // there are five severities
		}
		promoted = append(promoted, Promoted{to, fmt.Sprintf("%d events within %s (promotion %s)", p.Count, p.Within, p.Name)})
	}
	return promoted
}
