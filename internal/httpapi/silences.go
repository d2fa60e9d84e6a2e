package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"alertd/internal/access"
	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/matcher"
	"alertd/internal/routing"
)

// Silences keeps silences. Safe for concurrent use.
type Silences interface {
	// Silence makes one. The error is that of [routing.NewSilence], or an [*alerting.Error] with
	// [alerting.CodeConflict].
	Silence(ctx context.Context, wanted routing.Silence) (routing.Silence, error)
	// ExpireSilence ends one. The error is an [*alerting.Error] with [alerting.CodeNotFound] if
	// there is none.
	ExpireSilence(ctx context.Context, id, by string) (routing.Silence, error)
	// Silences returns a part of them, the latest first.
	Silences(ctx context.Context, q routing.SilenceQuery) (routing.SilencePage, error)
	// OneSilence returns one. The error is an [*alerting.Error] with [alerting.CodeNotFound] if
	// there is none.
	OneSilence(ctx context.Context, id string) (routing.Silenced, error)
	// PreviewSilence returns the open incidents that one would hold back, the latest first,
	// at most limit, and how many there are in all. The error is that of [routing.NewSilence].
	PreviewSilence(ctx context.Context, wanted routing.Silence, limit int) (held []incident.Incident, all int, err error)
}

// silenceView is a silence as the API shows it.
type silenceView struct {
	ID     string                `json:"silence_id"`
	Status routing.SilenceStatus `json:"status"`
	Match  matcher.Spec          `json:"match"`
	Not    matcher.Spec          `json:"not"`
	// Condition is what it is about, in words.
	Condition     string         `json:"condition"`
	StartsAt      string         `json:"starts_at"`
	EndsAt        string         `json:"ends_at"`
	By            string         `json:"by"`
	Comment       string         `json:"comment"`
	AllowCritical bool           `json:"allow_critical"`
	CreatedAt     string         `json:"created_at"`
	ExpiredBy     *string        `json:"expired_by"`
	HeldBack      int            `json:"held_back"`
	Incidents     []heldBackView `json:"incidents"`
}

// heldBackView is an incident that a silence holds or has held back.
type heldBackView struct {
	ID       incident.ID     `json:"incident_id"`
	Number   incident.Number `json:"number"`
	Since    string          `json:"since"`
	HeldBack int             `json:"held_back"`
	Held     bool            `json:"held"`
	*briefView
}

// briefView is what an incident is about, in brief. It is missing if its record cannot be
// read.
type briefView struct {
	Status   incident.Status   `json:"status"`
	Severity alerting.Severity `json:"severity"`
	Category alerting.Category `json:"category"`
	Source   string            `json:"source"`
	Message  string            `json:"message"`
}

func viewSilence(s routing.Silenced) silenceView {
	view := silenceView{
		ID: s.ID, Status: s.Status, Match: s.Match, Not: s.Not, StartsAt: alerting.FormatTime(s.StartsAt), EndsAt: alerting.FormatTime(s.EndsAt),
		By: s.By, Comment: s.Comment, AllowCritical: s.AllowCritical, CreatedAt: alerting.FormatTime(s.CreatedAt), ExpiredBy: maybe(s.ExpiredBy),
		HeldBack: s.Notices, Incidents: make([]heldBackView, len(s.Incidents)),
	}
	if about, err := s.Compile(); err == nil { // else a newer alertd has made it
		view.Condition = about.String()
	}
	for n, i := range s.Incidents {
		view.Incidents[n] = heldBackView{i.Incident.ID, i.Incident.Number, alerting.FormatTime(i.Since), i.Notices, i.Held, nil}
		if now := i.Now; now != nil {
			view.Incidents[n].briefView = &briefView{now.Status, now.Severity, now.Category, now.Source, now.Message}
		}
	}
	return view
}

// silenceFields are the members of a silence that is asked for.
var silenceFields = []string{"match", "not", "starts_at", "ends_at", "duration", "by", "comment", "allow_critical"}

// readSilence reads a silence that is asked for. A preview needs no end and no author.
func (a *API) readSilence(w *response, r *http.Request, preview bool) (s routing.Silence, err error) {
	body, err := a.readObject(w, r, silenceFields...)
	if err != nil {
		return s, err
	}
	claimed, least := strings.TrimSpace(body.text("by")), 0
	if w.caller.Kind == access.Anonymous && !preview { // nobody else says who it is
		least = 1
	}
	s = routing.Silence{
		Condition: body.condition(), StartsAt: body.time("starts_at"), EndsAt: body.time("ends_at"), Lasts: body.duration("duration"),
		By: cmp.Or(w.caller.By(claimed), w.caller.Name), Comment: body.text("comment"), AllowCritical: body.flag("allow_critical"),
	}
	body.check("by", claimed, least, maxBy)
	switch {
	case !s.EndsAt.IsZero() && s.Lasts > 0:
		body.problem("duration", "does not go with ends_at; give one of them")
	case s.EndsAt.IsZero() && s.Lasts == 0 && preview:
		s.Lasts = time.Hour
	}
	return s, body.err()
}

// duration returns the duration of a member, which is positive, 0 if there is none.
func (b *bodyReader) duration(name string) time.Duration {
	text, given := b.given(name)
	if !given {
		return 0
	}
	d, err := alerting.ParseDuration(text)
	if err != nil || d <= 0 {
		b.problem(name, "%s is not allowed, must be a duration such as 30m, 2h or 7d", strconv.Quote(shorten(text)))
		return 0
	}
	return d
}

func (a *API) postSilence(w *response, r *http.Request) error {
	wanted, err := a.readSilence(w, r, false)
	if err != nil {
		return err
	}
	made, err := a.config.Silences.Silence(r.Context(), wanted)
	if err != nil {
		return err
	}
	w.Header()["Location"] = []string{"/silences/" + made.ID}
	return w.sendJSON(http.StatusCreated, viewSilence(routing.Silenced{Silence: made, Status: made.Status(made.CreatedAt)}))
}

// postSilencePreview answers with what a silence would hold back.
func (a *API) postSilencePreview(w *response, r *http.Request) error {
	wanted, err := a.readSilence(w, r, true)
	if err != nil {
		return err
	}
	answer := struct {
		Condition string         `json:"condition"`
		Total     int            `json:"total"`
		Incidents []incidentView `json:"incidents"`
	}{}
	err = a.searches.run(r.Context(), func(ctx context.Context) error {
		held, all, err := a.config.Silences.PreviewSilence(ctx, wanted, shownLimit)
		answer.Total, answer.Incidents = all, viewIncidents(held)
		return err
	})
	if err != nil {
		return err
	}
	about, err := wanted.Compile()
	if err != nil {
		return err
	}
	answer.Condition = about.String()
	return w.sendJSON(http.StatusOK, answer)
}

// parseSilenceQuery reads the query of GET /silences.
func parseSilenceQuery(raw string) (routing.SilenceQuery, error) {
	q := newQueryReader(raw, silenceParameters)
	query := routing.SilenceQuery{Before: q.cursor(silenceCursor), Limit: q.limit(), Active: q.flag("active")}
	return query, q.err()
}

func (a *API) getSilences(w *response, r *http.Request) error {
	query, err := parseSilenceQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	var page routing.SilencePage
	err = a.searches.run(r.Context(), func(ctx context.Context) error {
		page, err = a.config.Silences.Silences(ctx, query)
		return err
	})
	if err != nil {
		return err
	}
	answer := struct {
		Silences   []silenceView `json:"silences"`
		NextCursor *string       `json:"next_cursor"`
	}{Silences: make([]silenceView, len(page.Silences))}
	for n, s := range page.Silences {
		answer.Silences[n] = viewSilence(s)
		answer.NextCursor = silenceCursor.next(s.Place(), page.More)
	}
	return w.sendJSON(http.StatusOK, answer)
}

func (a *API) getSilence(w *response, r *http.Request) error {
	id, err := silenceID(r)
	if err != nil {
		return err
	}
	return a.showSilence(w, r, id)
}

func (a *API) showSilence(w *response, r *http.Request, id string) error {
	found, err := a.config.Silences.OneSilence(r.Context(), id)
	if err != nil {
		return err
	}
	return w.sendJSON(http.StatusOK, viewSilence(found))
}

// deleteSilence ends a silence. Who does it is in the query: a DELETE has no body.
func (a *API) deleteSilence(w *response, r *http.Request) error {
	id, err := silenceID(r)
	if err != nil {
		return err
	}
	q := newQueryReader(r.URL.RawQuery, []string{"by"})
	by, given := q.one("by")
	if by = strings.TrimSpace(by); given {
		q.key("by", by)
	}
	if err := q.err(); err != nil {
		return err
	}
	if _, err := a.config.Silences.ExpireSilence(r.Context(), id, cmp.Or(w.caller.By(by), w.caller.Name)); err != nil {
		return err
	}
	return a.showSilence(w, r, id)
}

// silenceID returns the id in a request's path.
func silenceID(r *http.Request) (string, error) {
	id, err := routing.ParseSilenceID(chi.URLParam(r, "silence_id"))
	if err != nil {
		return "", badParameter("silence_id", "must be a UUID such as 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55")
	}
	return id, nil
}
