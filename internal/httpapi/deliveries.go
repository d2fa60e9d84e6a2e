package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

// DeliveryReader reads deliveries. Safe for concurrent use.
type DeliveryReader interface {
	// Deliveries returns deliveries, the latest planned first.
	Deliveries(ctx context.Context, q delivery.Query) (delivery.Page, error)
	// Delivery returns one and its attempts, the oldest first. The error is an
	// [*alerting.Error] with [alerting.CodeNotFound] if there is none.
	Delivery(ctx context.Context, id delivery.ID) (delivery.Delivery, []delivery.Attempt, error)
}

// Retrier sends a failed delivery again. Safe for concurrent use.
type Retrier interface {
	// RetryDelivery returns the delivery as it is afterwards. The error is an
	// [*alerting.Error] with [alerting.CodeNotFound] or [alerting.CodeConflict] where
	// the caller can act on it.
	RetryDelivery(ctx context.Context, id delivery.ID) (delivery.Delivery, error)
}

// deliveryView is a delivery as the API shows it. What a delivery lacks is null.
type deliveryView struct {
	ID           delivery.ID     `json:"delivery_id"`
	IncidentID   *incident.ID    `json:"incident_id"` // a test has none
	IncidentIDs  []incident.ID   `json:"incident_ids"`
	Generation   int             `json:"generation"`
	Notice       int             `json:"notice"`
	Reason       incident.Reason `json:"reason"`
	Channel      string          `json:"channel"`
	Target       string          `json:"target"`
	Status       delivery.Status `json:"status"`
	CreatedAt    string          `json:"created_at"`
	DueAt        *string         `json:"due_at"`
	FinishedAt   *string         `json:"finished_at"`
	GiveUpAt     string          `json:"give_up_at"`
	AttemptCount int             `json:"attempt_count"`
	Error        *string         `json:"error"`
	FallbackFor  *delivery.ID    `json:"fallback_for"`
}

func viewDelivery(d delivery.Delivery) deliveryView {
	view := deliveryView{
		ID: d.ID, IncidentID: maybe(d.IncidentID), Generation: d.Generation, Notice: d.Notice, Reason: d.Reason, Channel: d.Channel, Target: d.Target, Status: d.Status,
		CreatedAt: alerting.FormatTime(d.CreatedAt), FinishedAt: maybeTime(d.FinishedAt), GiveUpAt: alerting.FormatTime(d.GiveUpAt),
		AttemptCount: d.Attempts, Error: maybe(d.Error), FallbackFor: maybe(d.FallbackFor),
	}
	view.IncidentIDs = []incident.ID{}
	if !d.IncidentID.IsZero() {
		view.IncidentIDs = append(view.IncidentIDs, d.IncidentID)
	}
	for _, other := range d.Others {
		view.IncidentIDs = append(view.IncidentIDs, other.ID)
	}
	if d.FinishedAt.IsZero() {
		view.DueAt = maybeTime(d.DueAt)
	}
	return view
}

func deliveryViews(deliveries []delivery.Delivery) []deliveryView {
	views := make([]deliveryView, len(deliveries))
	for i, d := range deliveries {
		views[i] = viewDelivery(d)
	}
	return views
}

// attemptView is one attempt as the API shows it.
type attemptView struct {
	Number     int     `json:"number"`
	Time       string  `json:"time"`
	DurationMS float64 `json:"duration_ms"`
	Outcome    string  `json:"outcome"`
	Code       *int    `json:"code"`
	Error      *string `json:"error"`
}

func viewAttempt(a delivery.Attempt) attemptView {
	return attemptView{
		Number: a.Number, Time: alerting.FormatTime(a.At), DurationMS: milliseconds(a.Duration),
		Outcome: a.Outcome.String(), Code: maybe(a.Code), Error: maybe(a.Error),
	}
}

// maybe returns nil for the zero value, which JSON shows as null.
func maybe[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

func maybeTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(alerting.FormatTime(t))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (a *API) getDeliveries(w *response, r *http.Request) error {
	query, err := parseDeliveryQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	var page delivery.Page
	err = a.searches.run(r.Context(), func(ctx context.Context) error {
		page, err = a.config.Deliveries.Deliveries(ctx, query)
		return err
	})
	if err != nil {
		return err
	}
	answer := struct {
		Deliveries []deliveryView `json:"deliveries"`
		NextCursor *string        `json:"next_cursor"`
	}{Deliveries: deliveryViews(page.Deliveries)}
	if n := len(page.Deliveries); n > 0 {
		answer.NextCursor = deliveryCursor.next(int64(page.Deliveries[n-1].Number), page.More)
	}
	return w.sendJSON(http.StatusOK, answer)
}

func (a *API) getDelivery(w *response, r *http.Request) error {
	id, err := deliveryID(r)
	if err != nil {
		return err
	}
	found, attempts, err := a.config.Deliveries.Delivery(r.Context(), id)
	if err != nil {
		return err
	}
	answer := struct {
		deliveryView
		Attempts []attemptView `json:"attempts"`
	}{viewDelivery(found), make([]attemptView, len(attempts))}
	for i, attempt := range attempts {
		answer.Attempts[i] = viewAttempt(attempt)
	}
	return w.sendJSON(http.StatusOK, answer)
}

// deliveryID returns the id in a request's path.
func deliveryID(r *http.Request) (delivery.ID, error) {
	id, err := delivery.ParseID(chi.URLParam(r, "delivery_id"))
	if err != nil {
		return delivery.ID{}, badParameter("delivery_id", "must be a UUID such as 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55")
	}
	return id, nil
}

// postRetry sends a delivery again that was given up.
func (a *API) postRetry(w *response, r *http.Request) error {
	id, err := deliveryID(r)
	if err != nil {
		return err
	}
	if err := a.readNothing(w, r); err != nil {
		return err
	}
	retried, err := a.config.Retries.RetryDelivery(r.Context(), id)
	if err != nil {
		return err
	}
	return w.sendJSON(http.StatusOK, viewDelivery(retried))
}
