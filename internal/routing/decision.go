package routing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

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
	OverLimit     Cause = "rate_limit"
	Storming      Cause = "storm"
	InDigestOnly  Cause = "told_in_digest"
	HeldAsAWhole  Cause = "held_back"
)

// Decision is all that is decided about the news of an incident at one time. The engine acts
// on it, the timeline shows it, and explain returns it.
type Decision struct {
	At     time.Time
	Reason incident.Reason
	// Route is the route that decides; "": none matches.
	Route string
	// Hold holds back the incident as a whole; nil: nothing does.
	Hold *incident.Hold
	// Targets are what happens on each target of each channel, by the channel's name.
	Targets []Target
}

// Target is what is to happen on one target of a channel.
type Target struct {
	Channel string
	// Target is the address on the channel; "" for a channel without addresses.
	Target  string
	Verdict Verdict
	Cause   Cause
	// Until is set for [Hold], [HeldBack] and [InDigest] if it is known, By for [HeldBack]
	// and [InDigest].
	Until time.Time
	By    string
	// Severity and Category are the incident's, Least the channel's min_severity.
	Severity, Least alerting.Severity
	Category        alerting.Category
}

// Heard says what a target of a channel has heard of an incident.
type Heard int

// What a target may have heard.
const (
	HeardNothing Heard = iota
	// HeardInDigest: only in a digest.
	HeardInDigest
	// HeardItself: by a message about it, which may be on its way.
	HeardItself
)

// Told returns what a target of a channel has heard of an incident.
type Told func(channel, target string) Heard

// Decide returns what is to happen with a notice on each target of each channel to which
// its path leads, or which has heard of the incident. It takes tokens of the throttle's
// buckets for what is to be sent.
func (r *Rules) Decide(n incident.Notice, path Path, told Told, throttle *Throttle) Decision {
	d := Decision{At: throttle.Now, Reason: n.Reason, Route: path.Name(), Hold: n.Incident.Hold}
	channels := r.channels(path)
	for _, p := range r.policies {
		leads := channels == nil || slices.Contains(channels, p.Name)
		for _, target := range p.TargetNames() {
			heard := told(p.Name, target)
			if !leads && heard == HeardNothing {
				continue
			}
			t := Target{
				Channel: p.Name, Target: target, Verdict: Send,
				Severity: n.Incident.Severity, Least: p.MinSeverity, Category: n.Incident.Category,
			}
			if t.Cause = leavesOut(p, n, heard); t.Cause != "" {
				t.Verdict = NotAsked
			} else if d.Hold != nil {
				t.Verdict, t.Cause, t.By, t.Until = HeldBack, HeldAsAWhole, d.Hold.Holder, d.Hold.Until
				if d.Hold.Holder == HeldByGroupWait {
					t.Verdict = Hold
				}
			} else {
				r.throttle(&t, n, p, path, heard, throttle)
			}
			d.Targets = append(d.Targets, t)
		}
	}
	return d
}

// throttle puts what a rate limit or a storm lets not through into a digest. The end of
// what was told by itself is always told by itself. The end of what a digest told of waits
// for that of others, as what began in a storm ends together, too. alertd's own incidents
// pass as critical ones do: one of them tells of the storm.
func (r *Rules) throttle(t *Target, n incident.Notice, p delivery.Policy, path Path, heard Heard, throttle *Throttle) {
	i, own := n.Incident, n.Incident.Source == alerting.OwnSource
	nextDigest := throttle.Now.Add(r.settings.Storm.DigestEvery)
	switch {
	case !n.Reason.Introduces():
		if heard == HeardInDigest {
			t.Verdict, t.Cause, t.By, t.Until = InDigest, InDigestOnly, "the digest that told of it", nextDigest
		}
		return
	case throttle.Storming && i.Severity < r.settings.Storm.Pass && !own:
		t.Verdict, t.Cause, t.By, t.Until = InDigest, Storming, "the storm", nextDigest
		return
	}
	limits := r.limits(throttle, p, path, own || i.Severity >= alerting.SeverityCritical)
	if over, until := admit(limits, throttle.Now); over != nil {
		t.Verdict, t.Cause, t.By, t.Until = InDigest, OverLimit, "the rate_limit of "+over.name, until
	}
}

// leavesOut returns why a channel is not told of a notice, "" if it is.
func leavesOut(p delivery.Policy, n incident.Notice, heard Heard) Cause {
	i := n.Incident
	own := i.Source == alerting.OwnSource
	switch {
	case !p.Enabled:
		return ChannelOff
	case own && i.Grouping == incident.ByDedupKey && i.Pattern == delivery.ChannelKey(p.Name):
		return AboutItself
	case n.Reason == incident.WasResolved && !p.Resolved:
		return NoResolutions
	case n.Reason == incident.WasResolved || n.Reason == incident.WasAcknowledged:
		if heard == HeardNothing || heard == HeardInDigest && n.Reason == incident.WasAcknowledged {
			return NeverTold
		}
		return ""
	case heard != HeardNothing: // it follows the story to its end
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
func (t Target) String() string {
	name := t.Channel
	if t.Target != "" {
		name += " to " + t.Target
	}
	switch t.Verdict {
	case Send:
		return name
	case Hold:
		return fmt.Sprintf("%s at %s", name, alerting.FormatTime(t.Until))
	case InDigest, HeldBack, NotAsked:
	}
	return fmt.Sprintf("%s (%s)", name, t.Why())
}

// Why says in words why it is not sent; "" if it is.
func (t Target) Why() string {
	switch t.Cause {
	case ChannelOff:
		return "it is off"
	case AboutItself:
		return "it is what the incident is about"
	case NoResolutions:
		return "resolved is false"
	case NeverTold:
		return "it was not told of the incident"
	case MinSeverity:
		return fmt.Sprintf("severity %s is below its min_severity %s", t.Severity, t.Least)
	case Categories:
		return fmt.Sprintf("category %s is not among its categories", t.Category)
	case Sources:
		return "the source is not among its sources"
	case OverLimit:
		return "over " + t.By
	case Storming:
		return "there is a storm"
	case InDigestOnly:
		return "it was told of the incident in a digest"
	case HeldAsAWhole:
		return "held back by " + t.By
	}
	return string(t.Cause)
}

// nowhere says why there are no targets.
func (d Decision) nowhere() string {
	if d.Route != "" {
		return "route " + d.Route + " leads to no channel"
	}
	return "no channel is for it"
}

// String says in one line who is told and who is not.
func (d Decision) String() string {
	if len(d.Targets) == 0 {
		return "told to nobody: " + d.nowhere()
	}
	var told, digests, not []string
	for _, t := range d.Targets {
		switch t.Verdict {
		case Send, Hold:
			told = append(told, t.String())
		case InDigest:
			digests = append(digests, t.String())
		case HeldBack, NotAsked:
			not = append(not, t.String())
		}
	}
	parts := []string{"told to nobody"}
	if len(told) > 0 {
		parts[0] = "told to " + strings.Join(told, ", ")
	} else if len(digests) > 0 {
		parts = nil
	}
	if len(digests) > 0 {
		parts = append(parts, "in a digest to "+strings.Join(digests, ", "))
	}
	if len(not) > 0 {
		parts = append(parts, "not to "+strings.Join(not, ", "))
	}
	text := strings.Join(parts, "; ")
	if d.Route != "" {
		text += " (route " + d.Route + ")"
	}
	return text
}
