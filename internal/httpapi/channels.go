package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
)

// ChannelReader reads the state of the channels. Safe for concurrent use.
type ChannelReader interface {
	// Channels returns the state of each configured channel, in the order to show
	// them.
	Channels(ctx context.Context) ([]delivery.ChannelStatus, error)
}

// ChannelTester tests channels. Safe for concurrent use.
type ChannelTester interface {
	// TestChannel sends one message by a channel and waits for its outcome. The error
	// is an [*alerting.Error] with [alerting.CodeNotFound] or [alerting.CodeConflict]
	// where the caller can act on it.
	TestChannel(ctx context.Context, name string) (delivery.TestResult, error)
}

// channelView is a channel's state as the API shows it. What a channel lacks is null.
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
	Activity            activityView      `json:"activity"`
}

// activityView is what became of a channel's attempts, hour by hour.
type activityView struct {
	WidthSeconds int        `json:"width_seconds"`
	Buckets      []hourView `json:"buckets"`
}

type hourView struct {
	Start     string `json:"start"`
	Successes uint64 `json:"successes"`
	Failures  uint64 `json:"failures"`
}

func viewActivity(a delivery.Activity) activityView {
	view := activityView{WidthSeconds: int(time.Hour / time.Second)}
	for _, h := range a {
		view.Buckets = append(view.Buckets, hourView{alerting.FormatTime(h.Start), h.Successes, h.Failures})
	}
	return view
}

func viewChannel(c delivery.ChannelStatus) channelView {
	return channelView{
		Name: c.Name, Kind: c.Kind, Enabled: c.Enabled, Health: c.Health,
		Successes: c.Record.Successes, Failures: c.Record.Failures, ConsecutiveFailures: c.Record.Consecutive,
		LastError: maybe(c.Record.LastError), LastFailureAt: maybeTime(c.Record.LastFailure), LastSuccessAt: maybeTime(c.Record.LastSuccess),
		Breaker: maybe(c.Breaker), Queue: c.Waiting, OldestWaitingAt: maybeTime(c.OldestWaiting),
		Activity: viewActivity(c.Activity),
	}
}

func (a *API) getChannels(w *response, r *http.Request) error {
	channels, err := a.config.Channels.Channels(r.Context())
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

// testAnswer is the outcome of a test. A test that fails is answered 200, too: the
// call did what it is for.
type testAnswer struct {
	Channel    string      `json:"channel"`
	Outcome    string      `json:"outcome"`
	Code       *int        `json:"code"`
	Error      *string     `json:"error"`
	DurationMS float64     `json:"duration_ms"`
	DeliveryID delivery.ID `json:"delivery_id"`
}

// postTest sends a test message by a channel and waits for the outcome.
func (a *API) postTest(w *response, r *http.Request) error {
	if err := a.readNothing(w, r); err != nil {
		return err
	}
	result, err := a.config.ChannelTests.TestChannel(r.Context(), channelName(r))
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

// allowWrite extends the deadline for writing the answer: the server's counts from
// the request, and a channel's own timeout may be longer.
func (a *API) allowWrite(w *response) error {
	w.Header().Set("Connection", "close") // the deadline stays with it
	err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(a.config.WriteTimeout))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("set deadline of test: %w", err)
	}
	return nil
}

// channelName returns the name in a request's path. The router matches the raw path
// where that differs from the usual escaping.
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
