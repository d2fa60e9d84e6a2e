package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"alertd/internal/delivery"
)

// channelView is how a channel does, as the API shows it; null stands for what is not.
type channelView struct {
	Name                string            `json:"name"`
	Kind                string            `json:"kind"`
	Enabled             bool              `json:"enabled"`
	Health              delivery.Health   `json:"health"`
	Successes           uint64            `json:"successes"`
	Failures            uint64            `json:"failures"`
	ConsecutiveFailures int               `json:"consecutive_failures"`
	LastError           *string           `json:"last_error"`
	LastFailureAt       *string           `json:"last_failure_at"`
	LastSuccessAt       *string           `json:"last_success_at"`
	Breaker             *delivery.Breaker `json:"breaker"`
	Queue               int               `json:"queue"`
	OldestWaitingAt     *string           `json:"oldest_waiting_at"`
}

func viewChannel(c delivery.ChannelStatus) channelView {
	return channelView{
		Name: c.Name, Kind: c.Kind, Enabled: c.Enabled, Health: c.Health,
		Successes: c.Record.Successes, Failures: c.Record.Failures, ConsecutiveFailures: c.Record.Consecutive,
		LastError: maybe(c.Record.LastError), LastFailureAt: maybeTime(c.Record.LastFailure), LastSuccessAt: maybeTime(c.Record.LastSuccess),
		Breaker: maybe(c.Breaker), Queue: c.Waiting, OldestWaitingAt: maybeTime(c.OldestWaiting),
	}
}

func (a *API) getChannels(w *response, r *http.Request) error {
	channels, err := a.config.Deliveries.Channels(r.Context())
	if err != nil {
		return err
	}
	views := make([]channelView, len(channels))
	for i, c := range channels {
		views[i] = viewChannel(c)
	}
	return w.sendJSON(http.StatusOK, struct {
		Channels []channelView `json:"channels"`
	}{views})
}

// testAnswer is what became of a test. It is answered 200 whatever that is: the call
// did what it is for.
type testAnswer struct {
	Channel    string      `json:"channel"`
	Outcome    string      `json:"outcome"`
	Code       *int        `json:"code"`
	Error      *string     `json:"error"`
	DurationMS float64     `json:"duration_ms"`
	DeliveryID delivery.ID `json:"delivery_id"`
}

// postTest sends a test message by a channel and waits for what becomes of it.
func (a *API) postTest(w *response, r *http.Request) error {
	if err := a.readNothing(w, r); err != nil {
		return err
	}
	result, err := a.config.Deliveries.TestChannel(r.Context(), channelName(r))
	if err := a.allowWrite(w); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	return w.sendJSON(http.StatusOK, testAnswer{
		Channel: result.Channel, Outcome: result.Attempt.Outcome.String(), Code: maybe(result.Attempt.Code), Error: maybe(result.Attempt.Error),
		DurationMS: milliseconds(result.Attempt.Duration), DeliveryID: result.Delivery,
	})
}

// allowWrite gives an answer that took long its time to be written: the server's
// deadline counts from the request, and a channel's own timeout may be longer.
func (a *API) allowWrite(w *response) error {
	w.Header().Set("Connection", "close") // the deadline stays with it
	err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(a.config.WriteTimeout))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("set deadline of test: %w", err)
	}
	return nil
}

// channelName returns the name in a request's path. The router matches the path as it
// was escaped where it was escaped in a way of its own.
func channelName(r *http.Request) string {
	name := chi.URLParam(r, "name")
	if r.URL.RawPath == "" {
		return name
	}
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}
