package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// EventIncidents tells which incidents events belong to. Safe for concurrent use.
type EventIncidents interface {
	// IncidentsOf returns the incidents of events, by the events' numbers. An event
	// that is not folded yet is missing.
	IncidentsOf(ctx context.Context, events []*alerting.Event) (map[alerting.Seq]incident.ID, error)
}

// getEvents answers with events as they were encoded when they were registered.
func (a *API) getEvents(w *response, r *http.Request) error {
	query, err := parseEventQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	page, err := a.findEvents(r.Context(), query)
	if err != nil {
		return err
	}
	tail := "],\"next_cursor\":null}\n"
	if page.More {
		tail = `],"next_cursor":"` + query.cursorKind().encode(int64(page.Events[len(page.Events)-1].Seq())) + "\"}\n"
	}
	w.sendEvents(`{"events":[`, tail, page.Events, a.incidentsOf(w, r, page.Events...))
	return nil
}

// findEvents answers a query from the buffer of recent events or, where that does not
// reach far enough, by a search of the log.
func (a *API) findEvents(ctx context.Context, q eventQuery) (page alerting.Page, err error) {
	manager := a.config.Manager
	recent := alerting.Query{Filter: q.filter, Limit: q.limit, Before: q.cursor}
	if q.ascending {
		recent = alerting.Query{Limit: 1}
	}
	page = manager.RecentEvents(recent)
	switch {
	case !q.ascending && (page.More || page.Oldest == 1):
		return page, nil
	case q.ascending && page.Oldest > 0 && page.Oldest <= q.cursor+1:
		return manager.EventsAfter(ctx, q.cursor, q.filter, q.limit)
	}
	err = a.searches.run(ctx, func(ctx context.Context) error {
		if q.ascending {
			page, err = manager.EventsAfter(ctx, q.cursor, q.filter, q.limit)
		} else {
			page, err = manager.QueryEvents(ctx, recent)
		}
		return err
	})
	return page, err
}

// getEvent answers with one event.
func (a *API) getEvent(w *response, r *http.Request) error {
	id, err := alerting.ParseEventID(chi.URLParam(r, "event_id"))
	if err != nil {
		return badParameter("event_id", "must be a UUID such as 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55")
	}
	event, err := a.config.Manager.FindEvent(r.Context(), id)
	if err != nil {
		return err
	}
	if event == nil {
		return newProblem(http.StatusNotFound, "there is no event with the id %s", id)
	}
	w.sendEvents("", "\n", []*alerting.Event{event}, a.incidentsOf(w, r, event))
	return nil
}

// incidentsWait is how long an answer with events waits for their incidents. Events
// in the buffer can be shown while the database does not answer.
const incidentsWait = 2 * time.Second

// incidentsOf returns the incidents of events, by the events' numbers. If they cannot
// be read, the answer goes out without them and the log says why.
func (a *API) incidentsOf(w *response, r *http.Request, events ...*alerting.Event) func(alerting.Seq) incident.ID {
	if len(events) == 0 {
		return noIncident
	}
	ctx, cancel := context.WithTimeout(r.Context(), incidentsWait)
	defer cancel()
	known, err := a.config.EventIncidents.IncidentsOf(ctx, events)
	if err != nil {
		w.cause = fmt.Errorf("incidents of the events: %w", err)
		return noIncident
	}
	return func(seq alerting.Seq) incident.ID { return known[seq] }
}

func noIncident(alerting.Seq) incident.ID { return incident.ID{} }

// incidentMember comes before an incident's id at the end of an event.
const incidentMember = `,"incident_id":"`

// sendEvents answers with events, separated by commas, between a head and a tail, each
// with its incident if it has one. An answer may be large; it is never held as a whole.
func (w *response) sendEvents(head, tail string, events []*alerting.Event, incidentOf func(alerting.Seq) incident.ID) {
	const idLength = 36
	length := len(head) + max(0, len(events)-1) + len(tail)
	for _, event := range events {
		length += len(event.JSON())
		if !incidentOf(event.Seq()).IsZero() {
			length += len(incidentMember) + idLength + len(`"`)
		}
	}
	w.begin(http.StatusOK, contentJSON, length)
	answer := getBuffer()
	defer putBuffer(answer)
	answer.WriteString(head)
	for i, event := range events {
		if i > 0 {
			answer.WriteByte(',')
		}
		text := event.JSON()
		if id := incidentOf(event.Seq()); !id.IsZero() { // in place of the closing brace
			answer.WriteString(text[:len(text)-1])
			answer.WriteString(incidentMember)
			scratch, _ := id.AppendText(answer.AvailableBuffer()) // it knows no error
			answer.Write(scratch)
			text = `"}`
		}
		answer.WriteString(text)
		if answer.Len() >= flushAt {
			w.put(answer.Bytes())
			answer.Reset()
		}
	}
	answer.WriteString(tail)
	w.put(answer.Bytes())
}

// sendEvent answers with one event, as it was encoded.
func (w *response) sendEvent(status int, event *alerting.Event) {
	answer := getBuffer()
	defer putBuffer(answer)
	answer.WriteString(event.JSON())
	answer.WriteByte('\n')
	w.send(status, contentJSON, answer.Bytes())
}
