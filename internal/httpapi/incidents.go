package httpapi

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

// IncidentReader reads incidents. Safe for concurrent use.
type IncidentReader interface {
	// Incidents returns incidents, in the order in which they were opened.
	Incidents(ctx context.Context, q incident.Query) (incident.Page, error)
	// Incident returns one. The error is an [*alerting.Error] with
	// [alerting.CodeNotFound] if there is none.
	Incident(ctx context.Context, id incident.ID) (incident.Incident, error)
	// Timeline returns what has happened to an incident, the oldest first.
	Timeline(ctx context.Context, id incident.ID) ([]incident.Entry, error)
	// IncidentEvents returns its last events, the newest first.
	IncidentEvents(ctx context.Context, id incident.ID, limit int) ([]*alerting.Event, error)
	// CountOpen returns how many open incidents there are, by status and severity. What there
	// is none of may be missing.
	CountOpen(ctx context.Context) (map[incident.Status]map[alerting.Severity]int, error)
}

// IncidentActions is what people do to incidents. A single one is returned as it is
// afterwards. The error is an [*alerting.Error] with [alerting.CodeNotFound] or
// [alerting.CodeConflict] where the caller can act on it. Several have a result each, in the
// order of the ids, with such an error; the error is that nothing was done. Safe for concurrent
// use.
type IncidentActions interface {
	Acknowledge(ctx context.Context, id incident.ID, a incident.Action) (incident.Incident, error)
	Resolve(ctx context.Context, id incident.ID, a incident.Action) (incident.Incident, error)
	AcknowledgeAll(ctx context.Context, ids []incident.ID, a incident.Action) ([]incident.Result, error)
	ResolveAll(ctx context.Context, ids []incident.ID, a incident.Action) ([]incident.Result, error)
}

// shownLimit is how many events and deliveries the answer about one incident has.
const shownLimit = 100

func (a *API) getIncidents(w *response, r *http.Request) error {
	query, err := parseIncidentQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	var page incident.Page
	err = a.searches.run(r.Context(), func(ctx context.Context) error {
		page, err = a.config.Incidents.Incidents(ctx, query)
		return err
	})
	if err != nil {
		return err
	}
	answer := struct {
		Incidents  []incidentView `json:"incidents"`
		NextCursor *string        `json:"next_cursor"`
		Unreadable int            `json:"unreadable,omitzero"`
	}{Unreadable: page.Unreadable, Incidents: viewIncidents(page.Incidents)}
	if n := len(page.Incidents); n > 0 {
		answer.NextCursor = cursorOf(query).next(int64(page.Incidents[n-1].Number), page.More)
	}
	return w.sendJSON(http.StatusOK, answer)
}

// incidentView is an incident as the API shows it. Messages have the note beside it.
type incidentView struct {
	incident.View
	ResolvedNote string `json:"resolved_note,omitzero"`
}

func viewIncident(i *incident.Incident) incidentView { return incidentView{i.View(), i.ResolvedNote} }

func viewIncidents(incidents []incident.Incident) []incidentView {
	views := make([]incidentView, len(incidents))
	for n := range incidents {
		views[n] = viewIncident(&incidents[n])
	}
	return views
}

// entryView is an entry of a timeline with its time as alertd writes it.
type entryView struct {
	At string `json:"at"`
	incident.Entry
}

func viewEntries(entries []incident.Entry) []entryView {
	views := make([]entryView, len(entries))
	for n, entry := range entries {
		views[n] = entryView{alerting.FormatTime(entry.At), entry}
	}
	return views
}

// getIncident answers with one incident and all that belongs to it: its own members
// first, then the lists, with the events as they were encoded.
func (a *API) getIncident(w *response, r *http.Request) error {
	id, err := incidentID(r)
	if err != nil {
		return err
	}
	found, err := a.config.Incidents.Incident(r.Context(), id)
	if err != nil {
		return err
	}
	timeline, err := a.config.Incidents.Timeline(r.Context(), id)
	if err != nil {
		return err
	}
	events, err := a.config.Incidents.IncidentEvents(r.Context(), id, shownLimit)
	if err != nil {
		return err
	}
	page, err := a.config.Deliveries.Deliveries(r.Context(), delivery.Query{Incident: id, Limit: shownLimit})
	if err != nil {
		return err
	}
	recipients, err := a.config.Explainer.Recipients(r.Context(), id)
	if err != nil {
		return err
	}
	next, err := a.config.Explainer.Next(r.Context(), id)
	if err != nil {
		return err
	}
	if found.ResolvedNote == "" {
		found.ResolvedNote = noteOf(timeline)
	}
	head, err := appendJSON(nil, struct {
		incidentView
		Channels []recipientView `json:"channels"`
		Next     []nextView      `json:"next"`
		Timeline []entryView     `json:"timeline"`
	}{viewIncident(&found), viewRecipients(recipients), viewNext(next), viewEntries(timeline)})
	if err != nil {
		return err
	}
	tail, err := appendJSON([]byte(`],"deliveries":`), deliveryViews(page.Deliveries))
	if err != nil {
		return err
	}
	w.sendEvents(string(head[:len(head)-1])+`,"events":[`, string(tail)+"}\n", events, func(alerting.Seq) incident.ID { return id })
	return nil
}

// noteOf returns the note of who has resolved an incident, "" if nobody has, or has said
// nothing.
func noteOf(timeline []incident.Entry) string {
	for _, entry := range timeline {
		if entry.Kind == incident.EntryResolved {
			return entry.Note
		}
	}
	return ""
}

// incidentID returns the id in a request's path.
func incidentID(r *http.Request) (incident.ID, error) {
	id, err := incident.ParseID(chi.URLParam(r, "incident_id"))
	if err != nil {
		return incident.ID{}, badParameter("incident_id", "must be a UUID such as 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55")
	}
	return id, nil
}
