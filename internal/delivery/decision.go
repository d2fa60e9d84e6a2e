package delivery

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// ChannelKey is the dedup_key of alertd's alerts about one of its channels.
func ChannelKey(channel string) string { return "alertd.channel." + channel }

// Verdict says what is to happen with a notice on a channel.
type Verdict string

// The verdicts.
const (
	// Send: it is sent as soon as the channel can take it.
	Send Verdict = "send"
	// Hold: it is sent at [Decision.Until].
	Hold Verdict = "hold"
	// InDigest: it is part of the channel's next digest.
	InDigest Verdict = "digest"
	// HeldBack: it is not sent, because of [Decision.By].
	HeldBack Verdict = "held_back"
	// NotAsked: the channel's own settings, or what it knows of the incident, leave it out.
	NotAsked Verdict = "not_asked"
)

// Cause says why a verdict is not [Send].
type Cause string

// The causes.
const (
	ChannelOff    Cause = "channel_off"
	AboutItself   Cause = "about_itself"
	NoResolutions Cause = "resolved_off"
	NeverTold     Cause = "never_told"
	MinSeverity   Cause = "min_severity"
	Categories    Cause = "categories"
	Sources       Cause = "sources"
)

// Decision is what is to happen with one notice on one target of a channel.
type Decision struct {
	Channel string
	// Target is the address on the channel; "" for a channel without addresses.
	Target  string
	Verdict Verdict
	Cause   Cause
	// Until is set for [Hold], By for [HeldBack].
	Until time.Time
	By    string
	// Severity and Category are the incident's, Least the channel's min_severity.
	Severity, Least alerting.Severity
	Category        alerting.Category
}

// Told reports whether a target of a channel was told of an incident, or is about to be.
type Told func(channel, target string) bool

// Decide returns what is to happen with a notice on each target of each channel, in
// their order. Only those who were told of the incident hear that it was acknowledged
// or resolved.
func Decide(n incident.Notice, policies []Policy, told Told) []Decision {
	decisions := make([]Decision, 0, len(policies))
	for _, p := range policies {
		for _, target := range p.targets() {
			d := Decision{
				Channel: p.Name, Target: target, Verdict: Send,
				Severity: n.Incident.Severity, Least: p.MinSeverity, Category: n.Incident.Category,
			}
			if d.Cause = p.leavesOut(n, told(p.Name, target)); d.Cause != "" {
				d.Verdict = NotAsked
			}
			decisions = append(decisions, d)
		}
	}
	return decisions
}

// leavesOut returns why a channel is not told of a notice, "" if it is.
func (p Policy) leavesOut(n incident.Notice, told bool) Cause {
	i := n.Incident
	own := i.Source == alerting.OwnSource
	switch {
	case !p.Enabled:
		return ChannelOff
	case own && i.Grouping == incident.ByDedupKey && i.Pattern == ChannelKey(p.Name):
		return AboutItself
	case n.Reason == incident.WasResolved && !p.Resolved:
		return NoResolutions
	case n.Reason == incident.WasResolved || n.Reason == incident.WasAcknowledged:
		if !told {
			return NeverTold
		}
		return ""
	case told: // it follows the story to its end
		return ""
	case i.Severity < p.MinSeverity && !own: // alertd's own trouble is always told
		return MinSeverity
	case len(p.Categories) > 0 && !slices.Contains(p.Categories, i.Category):
		return Categories
	case len(p.Sources) > 0 && !slices.Contains(p.Sources, i.Source):
		return Sources
	}
	return ""
}

// String says the decision in words, such as "desk (it is off)".
func (d Decision) String() string {
	name := d.Channel
	if d.Target != "" {
		name += " to " + d.Target
	}
	switch d.Verdict {
	case Send:
		return name
	case Hold:
		return fmt.Sprintf("%s at %s", name, alerting.FormatTime(d.Until))
	case InDigest:
		return name + " in its next digest"
	case HeldBack:
		return fmt.Sprintf("%s (held back by %s)", name, d.By)
	case NotAsked:
	}
	return fmt.Sprintf("%s (%s)", name, d.why())
}

func (d Decision) why() string {
	switch d.Cause {
	case ChannelOff:
		return "it is off"
	case AboutItself:
		return "it is what the incident is about"
	case NoResolutions:
		return "resolved is false"
	case NeverTold:
		return "it was not told of the incident"
	case MinSeverity:
		return fmt.Sprintf("severity %s is below its min_severity %s", d.Severity, d.Least)
	case Categories:
		return fmt.Sprintf("category %s is not among its categories", d.Category)
	case Sources:
		return "the source is not among its sources"
	}
	return string(d.Cause)
}

// Explain says in one line who is told and who is not.
func Explain(decisions []Decision) string {
	if len(decisions) == 0 {
		return "told to nobody: there are no channels"
	}
	var told, not []string
	for _, d := range decisions {
		if d.Verdict == Send || d.Verdict == Hold {
			told = append(told, d.String())
			continue
		}
		not = append(not, d.String())
	}
	text := "told to nobody"
	if len(told) > 0 {
		text = "told to " + strings.Join(told, ", ")
	}
	if len(not) > 0 {
		text += "; not to " + strings.Join(not, ", ")
	}
	return text
}
