package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"alertd/internal/access"
	"alertd/internal/incident"
)

// Limits of an action's texts, in characters, and of how many incidents one is on.
const (
	maxBy      = 255
	maxNote    = 8192
	maxActedOn = 1000
)

func (a *API) postAcknowledge(w *response, r *http.Request) error {
	return a.act(w, r, a.config.IncidentActions.Acknowledge)
}

func (a *API) postResolve(w *response, r *http.Request) error {
	return a.act(w, r, a.config.IncidentActions.Resolve)
}

// act does something to an incident and answers with the incident afterwards.
func (a *API) act(w *response, r *http.Request, do func(context.Context, incident.ID, incident.Action) (incident.Incident, error)) error {
	id, err := incidentID(r)
	if err != nil {
		return err
	}
	body, err := a.readObject(w, r, "by", "note")
	if err != nil {
		return err
	}
	action := body.action(w.caller)
	if err := body.err(); err != nil {
		return err
	}
	changed, err := do(r.Context(), id, action)
	if err != nil {
		return err
	}
	return w.sendJSON(http.StatusOK, viewIncident(&changed))
}

// action reads who does something, and their note.
func (b *bodyReader) action(caller *access.Caller) incident.Action {
	claimed, least := strings.TrimSpace(b.text("by")), 0
	if caller.Kind == access.Anonymous { // nobody else says who it is
		least = 1
	}
	action := incident.Action{By: caller.By(claimed), Note: b.text("note")}
	b.check("by", claimed, least, maxBy)
	b.check("note", action.Note, 0, maxNote)
	return action
}

// The outcomes of an action on one of several incidents, beside what it does.
const (
	unchanged = "unchanged"
	rejected  = "rejected"
)

// resultView is the outcome of an action on one of several incidents.
type resultView struct {
	ID     string `json:"incident_id"` // as it was given
	Status string `json:"status"`
	Reason string `json:"reason,omitzero"` // why it is rejected
}

func (a *API) postAcknowledgeAll(w *response, r *http.Request) error {
	results, err := a.actOnAll(w, r, "acknowledged", a.config.IncidentActions.AcknowledgeAll)
	if err != nil {
		return err
	}
	return w.sendJSON(http.StatusOK, struct {
		Acknowledged int          `json:"acknowledged"`
		Unchanged    int          `json:"unchanged"`
		Rejected     int          `json:"rejected"`
		Results      []resultView `json:"results"`
	}{countOf(results, "acknowledged"), countOf(results, unchanged), countOf(results, rejected), results})
}

func (a *API) postResolveAll(w *response, r *http.Request) error {
	results, err := a.actOnAll(w, r, "resolved", a.config.IncidentActions.ResolveAll)
	if err != nil {
		return err
	}
	return w.sendJSON(http.StatusOK, struct {
		Resolved  int          `json:"resolved"`
		Unchanged int          `json:"unchanged"`
		Rejected  int          `json:"rejected"`
		Results   []resultView `json:"results"`
	}{countOf(results, "resolved"), countOf(results, unchanged), countOf(results, rejected), results})
}

func countOf(results []resultView, status string) (n int) {
	for _, one := range results {
		if one.Status == status {
			n++
		}
	}
	return n
}

// actOnAll does something to incidents that the body names. One that cannot be acted on does
// not cost the others. done is what has become of one that has changed.
func (a *API) actOnAll(w *response, r *http.Request, done string,
	do func(context.Context, []incident.ID, incident.Action) ([]incident.Result, error),
) ([]resultView, error) {
	body, err := a.readObject(w, r, "incident_ids", "by", "note")
	if err != nil {
		return nil, err
	}
	action, texts := body.action(w.caller), body.texts("incident_ids")
	if n := len(texts); len(body.problems) == 0 && (n < 1 || n > maxActedOn) {
		body.problem("incident_ids", "has %d ids, must have 1 to %d", n, maxActedOn)
	}
	for n, text := range texts[:min(len(texts), maxActedOn)] {
		body.check(fmt.Sprintf("incident_ids[%d]", n), text, 0, maxText)
	}
	if err := body.err(); err != nil {
		return nil, err
	}
	views := make([]resultView, len(texts))
	var ids []incident.ID
	var places []int
	for n, text := range texts {
		views[n] = resultView{text, rejected, "its id must be a UUID such as 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55"}
		if id, err := incident.ParseID(text); err == nil {
			ids, places = append(ids, id), append(places, n)
		}
	}
	if len(ids) == 0 {
		return views, nil
	}
	results, err := do(r.Context(), ids, action)
	if err != nil {
		return nil, err
	}
	for n, result := range results {
		view := &views[places[n]]
		switch {
		case result.Err != nil:
			view.Reason = toProblem(result.Err).Detail
		case result.Changed:
			view.Status, view.Reason = done, ""
		default:
			view.Status, view.Reason = unchanged, ""
		}
	}
	return views, nil
}
