package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"

	"alertd/internal/alerting"
)

// getEvents answers with recent events, newest first.
func (a *API) getEvents(w *response, r *http.Request) error {
	query, err := parseEventQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	page := a.config.Manager.RecentEvents(query)
	answer := getBuffer()
	defer putBuffer(answer)
	answer.WriteString(`{"events":[`)
	for i, event := range page.Events {
		if i > 0 {
			answer.WriteByte(',')
		}
		answer.WriteString(event.JSON())
	}
	answer.WriteString(`],"next_cursor":`)
	if page.More {
		answer.WriteByte('"')
		answer.WriteString(encodeCursor(page.Events[len(page.Events)-1].Seq()))
		answer.WriteByte('"')
	} else {
		answer.WriteString("null")
	}
	answer.WriteString("}\n")
	w.send(http.StatusOK, contentJSON, answer.Bytes())
	return nil
}

// getEvent answers with one event.
func (a *API) getEvent(w *response, r *http.Request) error {
	id, err := alerting.ParseEventID(chi.URLParam(r, "event_id"))
	if err != nil {
		return badParameter("event_id", "must be a UUID such as 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55")
	}
	event, ok := a.config.Manager.Event(id)
	if !ok {
		return newProblem(http.StatusNotFound, "no event with the id %s is in the buffer", id)
	}
	w.send(http.StatusOK, contentJSON, append([]byte(event.JSON()), '\n'))
	return nil
}

// appendJSON appends a value's JSON, without escapes for HTML.
func appendJSON(dst []byte, value any) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}
