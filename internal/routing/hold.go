package routing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/matcher"
)

// The kinds of what holds back, and the reasons under which that is counted.
const (
	HeldBySilence    = "silence"
	HeldByWindow     = "window"
	HeldByInhibition = "inhibition"
	HeldByGroupWait  = "group_wait"
	HeldByThrottle   = "throttle"
	HeldByStorm      = "storm"
)

// HeldReasons returns every reason, in the order in which they are asked.
func HeldReasons() []string {
	return []string{HeldBySilence, HeldByWindow, HeldByInhibition, HeldByGroupWait, HeldByStorm, HeldByThrottle}
}

// Holder returns the name of what holds back, such as "window nightly-batch".
func Holder(kind, name string) string { return kind + " " + name }

// KindOf returns the kind of a holder.
func KindOf(holder string) string {
	kind, _, _ := strings.Cut(holder, " ")
	return kind
}

// HoldsAsAWhole reports whether a holder holds back incidents as a whole, and not what one
// target is told.
func HoldsAsAWhole(holder string) bool {
	return slices.Contains([]string{HeldBySilence, HeldByWindow, HeldByInhibition}, KindOf(holder))
}

// Hold returns what holds back the news of an incident at a time, nil if nothing does: a
// silence, a window, an inhibition, or the wait of its route for more events, in this
// order.
func (r *Rules) Hold(i *incident.Incident, s *matcher.Subject, path Path, standing *Standing, now time.Time) *incident.Hold {
	critical := i.Severity >= alerting.SeverityCritical
	if hold := standing.silenced(s, critical, now); hold != nil {
		return hold
	}
	if hold := r.inWindow(s, critical, now); hold != nil {
		return hold
	}
	if hold := r.inhibited(i, s, standing); hold != nil {
		return hold
	}
	return waits(i, path, critical, now)
}

// inWindow returns the window that ends last, if several match.
func (r *Rules) inWindow(s *matcher.Subject, critical bool, now time.Time) (found *incident.Hold) {
	for _, n := range r.windows.matching(s) {
		w := r.settings.Windows[n]
		during := r.settings.Calendars[w.During]
		if critical && !w.AllowCritical || !during.Contains(now) {
			continue
		}
		until, _ := during.Next(now)
		if found == nil || !found.Until.IsZero() && (until.IsZero() || until.After(found.Until)) {
			found = &incident.Hold{
				Holder: Holder(HeldByWindow, w.Name), Until: until,
				Why: fmt.Sprintf("window %s holds it back%s", w.Name, untilWords(until)),
			}
		}
	}
	return found
}

func untilWords(until time.Time) string {
	if until.IsZero() {
		return ""
	}
	return " until " + alerting.FormatTime(until)
}

// waits returns the wait of a new incident for more events.
func waits(i *incident.Incident, path Path, critical bool, now time.Time) *incident.Hold {
	if len(path) == 0 || i.News.Reason != incident.Opened || path[0].GroupWait <= 0 || critical && !path[0].GroupWaitCritical {
		return nil
	}
	until := now.Add(path[0].GroupWait)
	switch hold := i.Hold; {
	case i.Notices > 0 || hold != nil && hold.Holder != HeldByGroupWait: // it has waited for something else
		return nil
	case hold == nil:
	case !hold.Until.After(now):
		return nil
	case hold.Until.Before(until): // unless a clock was set back
		until = hold.Until
	}
	return &incident.Hold{
		Holder: HeldByGroupWait, Until: until, Why: fmt.Sprintf("route %s waits %s for more events", path[0].Name, path[0].GroupWait),
	}
}
