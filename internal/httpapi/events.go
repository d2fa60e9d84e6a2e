package httpapi

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"alertd/internal/alerting"
)

// getEvents answers with events, newest first, as they were encoded when they
// were registered. An answer may be large, as contexts may; it is never
// held as a whole.
func (a *API) getEvents(w *response, r *http.Request) error {
	query, err := parseEventQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	page, err := a.config.Manager.QueryEvents(r.Context(), query)
	if err != nil {
		return err
	}
	tail := "],\"next_cursor\":null}\n"
	if page.More {
		tail = `],"next_cursor":"` + encodeCursor(page.Events[len(page.Events)-1].Seq()) + "\"}\n"
	}
	const head = `{"events":[`
	length := len(head) + max(0, len(page.Events)-1) + len(tail)
	for _, event := range page.Events {
		length += len(event.JSON())
	}
	w.begin(http.StatusOK, contentJSON, length)
	answer := getBuffer()
	defer putBuffer(answer)
	answer.WriteString(head)
	for i, event := range page.Events {
		if i > 0 {
			answer.WriteByte(',')
		}
		answer.WriteString(event.JSON())
		if answer.Len() >= flushAt {
			w.put(answer.Bytes())
			answer.Reset()
		}
	}
	answer.WriteString(tail)
	w.put(answer.Bytes())
	return nil
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
	w.sendEvent(http.StatusOK, event)
	return nil
}
