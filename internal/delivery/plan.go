package delivery

import (
	"fmt"
	"slices"
	"strings"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// OwnSource is the source of alerts that alertd raises about itself.
const OwnSource = alerting.OwnSource

// ChannelKey is the dedup_key of alertd's alerts about one of its channels.
func ChannelKey(channel string) string { return "alertd.channel." + channel }

// Target says whether a channel is told of a notice, and why not.
type Target struct {
	Channel string
	Told    bool
	// Why is "" if it is told.
	Why string
}

// Plan returns for each channel whether it is told of a notice, in their order. told
// are the channels that were told of the incident before, or are about to be; only they
// hear that it was acknowledged or resolved.
func Plan(n incident.Notice, policies []Policy, told map[string]bool) []Target {
	targets := make([]Target, 0, len(policies))
	for _, p := range policies {
		why := p.whyNot(n, told[p.Name])
		targets = append(targets, Target{Channel: p.Name, Told: why == "", Why: why})
	}
	return targets
}

func (p Policy) whyNot(n incident.Notice, told bool) string {
	i := n.Incident
	switch {
	case !p.Enabled:
		return "it is off"
	case i.Source == OwnSource && i.Grouping == incident.ByDedupKey && i.Pattern == ChannelKey(p.Name):
		return "it is what the incident is about"
	case n.Reason == incident.WasResolved && !p.Resolved:
		return "resolved is false"
	case n.Reason == incident.WasResolved || n.Reason == incident.WasAcknowledged:
		if !told {
			return "it was not told of the incident"
		}
		return ""
	case told: // it follows the story to its end
		return ""
	case i.Severity < p.MinSeverity:
		return fmt.Sprintf("severity %s is below its min_severity %s", i.Severity, p.MinSeverity)
	case len(p.Categories) > 0 && !slices.Contains(p.Categories, i.Category):
		return fmt.Sprintf("category %s is not among its categories", i.Category)
	case len(p.Sources) > 0 && !slices.Contains(p.Sources, i.Source):
		return "the source is not among its sources"
	}
	return ""
}

// Explain says in one line who is told and who is not.
func Explain(targets []Target) string {
	var told, not []string
	for _, t := range targets {
		if t.Told {
			told = append(told, t.Channel)
			continue
		}
		not = append(not, t.Channel+" ("+t.Why+")")
	}
	text := "told to nobody"
	switch {
	case len(targets) == 0:
		return "told to nobody: there are no channels"
	case len(told) > 0:
		text = "told to " + strings.Join(told, ", ")
	}
	if len(not) > 0 {
		text += "; not to " + strings.Join(not, ", ")
	}
	return text
}

// GivenUp returns the alert that alertd raises when a delivery has failed, and
// whether it does so: a message about alertd itself that is not delivered is no cause
// for another.
func GivenUp(d Delivery, i incident.Incident, why string) (alerting.Alert, bool) {
	if i.Source == OwnSource {
		return alerting.Alert{}, false
	}
	return alerting.Alert{
		Severity: alerting.SeverityError, Category: alerting.CategorySystemHealth, Source: OwnSource,
		Message:  fmt.Sprintf("channel %s: a message about incident %d (%s) was not delivered: %s", d.Channel, i.Number, d.Reason, why),
		DedupKey: ChannelKey(d.Channel),
	}, true
}
