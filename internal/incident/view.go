package incident

import "alertd/internal/alerting"

// View is an incident as users see it: its JSON is that of the API and of webhooks.
// Times are RFC 3339 in UTC.
type View struct {
	ID       ID                `json:"incident_id"`
	Number   Number            `json:"number"`
	Status   Status            `json:"status"`
	Severity alerting.Severity `json:"severity"`
	Category alerting.Category `json:"category"`
	Source   string            `json:"source"`
	Message  string            `json:"message"`
	Count    uint64            `json:"count"`
	// Generation counts how often people were asked to act again.
	Generation int `json:"generation"`

	FirstSeen string `json:"first_seen"`
	LastSeen  string `json:"last_seen"`

	Fingerprint Fingerprint `json:"fingerprint"`
	Grouping    Grouping    `json:"grouped_by"`
	Pattern     string      `json:"pattern"`

	// These are "" unless the incident was acknowledged, or resolved.
	AcknowledgedAt string `json:"acknowledged_at,omitzero"`
	AcknowledgedBy string `json:"acknowledged_by,omitzero"`
	ResolvedAt     string `json:"resolved_at,omitzero"`
	ResolvedBy     string `json:"resolved_by,omitzero"`

	// Route is the route by which people were told last, "" if none matched. Held says what
	// holds back what there is to be told, nil if nothing does. Flapping says that it comes and
	// goes.
	Route    string    `json:"route,omitzero"`
	Held     *HeldView `json:"held,omitzero"`
	Flapping bool      `json:"flapping,omitzero"`
}

// HeldView is what holds back an incident, as users see it.
type HeldView struct {
	// By names it, such as "window nightly-batch". Reason says in words why.
	By     string `json:"by"`
	Reason string `json:"reason"`
	Since  string `json:"since"`
	// Until is nil if that is not known.
	Until *string `json:"until"`
}

// View returns the hold as users see it, nil for none.
func (h *Hold) View() *HeldView {
	if h == nil {
		return nil
	}
	v := &HeldView{By: h.Holder, Reason: h.Why, Since: alerting.FormatTime(h.Since)}
	if !h.Until.IsZero() {
		v.Until = new(alerting.FormatTime(h.Until))
	}
	return v
}

// DigestView is a digest as users see it: its JSON is that of webhooks. Times are RFC 3339
// in UTC.
type DigestView struct {
	Since      string       `json:"since"`
	Until      string       `json:"until"`
	Incidents  int          `json:"incidents"`
	Events     uint64       `json:"events"`
	BySeverity []Tally      `json:"by_severity"`
	ByCategory []Tally      `json:"by_category"`
	BySource   []Tally      `json:"by_source"`
	Worst      []DigestItem `json:"worst"`
}

// View returns the digest without why, which is the message's.
func (d *Digest) View() DigestView {
	return DigestView{
		Since: alerting.FormatTime(d.Since), Until: alerting.FormatTime(d.Until), Incidents: d.Incidents, Events: d.Events,
		BySeverity: d.BySeverity, ByCategory: d.ByCategory, BySource: d.BySource, Worst: d.Worst,
	}
}

// View returns the incident without the fields that only the fold needs.
func (i *Incident) View() View {
	v := View{
		ID: i.ID, Number: i.Number, Status: i.Status, Severity: i.Severity, Category: i.Category,
		Source: i.Source, Message: i.Message, Count: i.Count, Generation: max(1, i.Generation),
		FirstSeen: alerting.FormatTime(i.FirstSeen), LastSeen: alerting.FormatTime(i.LastSeen),
		Fingerprint: i.Fingerprint, Grouping: i.Grouping, Pattern: i.Pattern,
		AcknowledgedBy: i.AcknowledgedBy, ResolvedBy: i.ResolvedBy, Route: i.Route, Held: i.Hold.View(), Flapping: i.Flapping != nil,
	}
	if !i.AcknowledgedAt.IsZero() {
		v.AcknowledgedAt = alerting.FormatTime(i.AcknowledgedAt)
	}
	if !i.ResolvedAt.IsZero() {
		v.ResolvedAt = alerting.FormatTime(i.ResolvedAt)
	}
	return v
}
