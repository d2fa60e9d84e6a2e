package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

// Explainer says who is told of what, and why not. Safe for concurrent use.
type Explainer interface {
	// Explain returns what an alert would do if it came at a time; the zero time stands for
	// now. Nothing comes of it. The error is an [*alerting.Error] with [alerting.CodeInvalid]
	// if the alert is.
	Explain(ctx context.Context, alert alerting.Alert, at time.Time) (routing.Explanation, error)
	// Recipients returns what each target of each channel knows of an incident. The error is
	// an [*alerting.Error] with [alerting.CodeNotFound] if there is none.
	Recipients(ctx context.Context, id incident.ID) ([]routing.Recipient, error)
	// Next returns what will happen to an incident by itself, the soonest first. The error is
	// as that of Recipients.
	Next(ctx context.Context, id incident.ID) ([]routing.Next, error)
}

// explanationView says what an alert would do. What does not apply is null or empty.
type explanationView struct {
	At string `json:"at"`
	// Registered says that POST /alerts would make an event of the alert. Reason says why
	// not, or why nothing comes of the event.
	Registered  bool                  `json:"registered"`
	Reason      *string               `json:"reason"`
	Fingerprint *incident.Fingerprint `json:"fingerprint"`
	Grouping    *incident.Grouping    `json:"grouped_by"`
	Pattern     *string               `json:"pattern"`
	// Opens says that it would open an incident. Incident is the open one that it would
	// join or resolve, as it would be then.
	Opens    bool               `json:"opens"`
	Incident *incident.View     `json:"incident"`
	Route    *string            `json:"route"`
	Held     *incident.HeldView `json:"held"`
	Storm    bool               `json:"storm"`
	// NextUpdateAt is when people are told next of events that are only counted.
	NextUpdateAt *string        `json:"next_update_at"`
	Decisions    []decisionView `json:"decisions"`
	Escalation   []struct{}     `json:"escalation"`
	Timeline     []entryView    `json:"timeline"`
	Words        []string       `json:"words"`
	Text         string         `json:"text"`
}

// decisionView is what would happen on one target.
type decisionView struct {
	News     incident.Reason `json:"news"`
	Channel  string          `json:"channel"`
	Target   string          `json:"target"`
	Decision routing.Verdict `json:"decision"`
	Until    *string         `json:"until"`
	By       *string         `json:"by"`
	Reason   *string         `json:"reason"`
}

func viewExplanation(x routing.Explanation) explanationView {
	v := explanationView{
		At: alerting.FormatTime(x.At), Registered: true, Fingerprint: &x.Key.Fingerprint, Grouping: &x.Key.Grouping, Pattern: &x.Key.Pattern,
		Opens: x.Opens, Route: maybe(x.Route), Storm: x.Storm != nil, Timeline: viewEntries(x.Entries), Words: x.Words(), Text: x.Text,
		Decisions: []decisionView{}, Escalation: []struct{}{},
	}
	if x.Off {
		v.Reason = new("alerting is off, so nobody is told")
	}
	if i := x.Incident; i != nil {
		v.Held = i.Hold.View()
		if !x.Opens {
			v.Incident = new(i.View())
		}
		if len(x.Decisions) == 0 {
			v.NextUpdateAt = maybeTime(i.UpdateDue)
		}
	}
	for _, d := range x.Decisions {
		for _, t := range d.Targets {
			v.Decisions = append(v.Decisions, decisionView{
				News: d.Reason, Channel: t.Channel, Target: t.Target, Decision: t.Verdict, Until: maybeTime(t.Until), By: maybe(t.By), Reason: maybe(t.Why()),
			})
		}
	}
	return v
}

// filteredView explains an alert that is not registered.
func filteredView(reason string, at time.Time) explanationView {
	return explanationView{
		At: alerting.FormatTime(at), Reason: &reason, Decisions: []decisionView{}, Escalation: []struct{}{}, Timeline: []entryView{},
		Words: []string{"The alert would not be kept, and nobody would be told: " + reason + "."},
	}
}

// postExplain answers what an alert would do.
func (a *API) postExplain(w *response, r *http.Request) error {
	body, err := a.readObject(w, r, "alert", "at")
	if err != nil {
		return err
	}
	at, alert := body.time("at"), body.alert("alert")
	if year := at.UTC().Year(); !at.IsZero() && (year < 1970 || year > 9000) { // what is due later must have four digits, too
		body.problem("at", "is out of range, must be from the year 1970 to 9000")
	}
	if err := body.err(); err != nil {
		return err
	}
	if reason := a.config.Manager.Config().Filters(&alert); reason != "" {
		return w.sendJSON(http.StatusOK, filteredView(reason, cmp.Or(at, time.Now())))
	}
	var x routing.Explanation
	err = a.searches.run(r.Context(), func(ctx context.Context) error {
		x, err = a.config.Explainer.Explain(ctx, alert, at)
		return err
	})
	if err != nil {
		return err
	}
	return w.sendJSON(http.StatusOK, viewExplanation(x))
}

// alert returns the alert of a member, as POST /alerts reads it.
func (b *bodyReader) alert(name string) alerting.Alert {
	value := b.values[name]
	if len(value) == 0 || value.Kind() != '{' {
		b.problem(name, "must be an alert as POST /alerts takes it")
		return alerting.Alert{}
	}
	alert, err := alerting.DecodeAlert(value)
	if known, ok := errors.AsType[*alerting.Error](err); ok {
		for _, field := range known.Fields {
			b.problem(name+"."+field.Field, "%s", field.Message)
		}
		if len(known.Fields) == 0 {
			b.problem(name, "%s", known.Message)
		}
	}
	return alert
}

// recipientView is what a target of a channel knows of an incident. What it lacks is null.
type recipientView struct {
	Channel string                 `json:"channel"`
	Target  string                 `json:"target"`
	State   routing.RecipientState `json:"state"`
	By      *string                `json:"by"`
	Until   *string                `json:"until"`
	Reason  *string                `json:"reason"`
	ToldAt  *string                `json:"told_at"`
}

func viewRecipients(recipients []routing.Recipient) []recipientView {
	views := make([]recipientView, len(recipients))
	for n, r := range recipients {
		views[n] = recipientView{r.Channel, r.Target, r.State, maybe(r.By), maybeTime(r.Until), maybe(r.Why), maybeTime(r.ToldAt)}
	}
	return views
}

// nextView is what will happen to an incident.
type nextView struct {
	At      string           `json:"at"`
	Kind    routing.NextKind `json:"kind"`
	Reason  string           `json:"reason"`
	Channel string           `json:"channel,omitzero"`
}

func viewNext(next []routing.Next) []nextView {
	views := make([]nextView, len(next))
	for n, one := range next {
		views[n] = nextView{alerting.FormatTime(one.At), one.Kind, one.Reason, one.Channel}
	}
	return views
}
