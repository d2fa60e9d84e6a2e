package heartbeat

import (
	"strings"
	"time"

	"alertd/internal/alerting"
)

// Heartbeat is a component with what is remembered of it.
type Heartbeat struct {
	Spec  Spec
	State State
}

// View is a heartbeat as users see it. Times are RFC 3339 in UTC, durations as the
// configuration has them.
type View struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	// LastSeen is "" if it has never pinged.
	LastSeen string            `json:"last_seen,omitzero"`
	DueAt    string            `json:"due_at"`
	Message  string            `json:"message,omitzero"`
	Every    string            `json:"every"`
	Grace    string            `json:"grace"`
	Severity alerting.Severity `json:"severity"`
	Category alerting.Category `json:"category"`
}

// View returns the heartbeat for an answer.
func (h Heartbeat) View() View {
	v := View{
		Name: h.Spec.Name, Status: h.State.Status, DueAt: alerting.FormatTime(h.State.DueAt), Message: h.State.Message,
		Every: short(h.Spec.Every), Grace: short(h.Spec.Grace), Severity: h.Spec.Severity, Category: h.Spec.Category,
	}
	if !h.State.LastSeen.IsZero() {
		v.LastSeen = alerting.FormatTime(h.State.LastSeen)
	}
	return v
}

// short writes a duration without the parts that are zero at its end.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
