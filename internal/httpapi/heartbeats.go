package httpapi

import (
	"context"
	"net/http"

	"alertd/internal/heartbeat"
)

// Heartbeats hears the components that must be heard of. Safe for concurrent use.
type Heartbeats interface {
	// Heartbeat notes a ping, and returns how the component does. The error is an
	// [*alerting.Error] with [alerting.CodeNotFound] if there is no heartbeat of that name.
	Heartbeat(ctx context.Context, name string, ping heartbeat.Ping) (heartbeat.Heartbeat, error)
	// Heartbeats returns how each component does, in the order to show them.
	Heartbeats(ctx context.Context) ([]heartbeat.Heartbeat, error)
}

func (a *API) getHeartbeats(w *response, r *http.Request) error {
	heartbeats, err := a.config.Heartbeats.Heartbeats(r.Context())
	if err != nil {
		return err
	}
	views := make([]heartbeat.View, len(heartbeats))
	for i, h := range heartbeats {
		views[i] = h.View()
	}
	return w.sendJSON(http.StatusOK, struct {
		Heartbeats []heartbeat.View `json:"heartbeats"`
	}{views})
}

// postHeartbeat takes a ping. A caller that may send alerts for some sources only may ping
// the heartbeats of these names only: it could keep others alive.
func (a *API) postHeartbeat(w *response, r *http.Request) error {
	name := channelName(r)
	if err := a.checkOwn(w.caller, "name", "ping only heartbeats of these names", name); err != nil {
		return err
	}
	body, err := a.readOptional(w, r, "status", "message")
	if err != nil {
		return err
	}
	ping := heartbeat.Ping{Message: body.text("message")}
	switch status := body.text("status"); status {
	case "", "ok":
	case "failing":
		ping.Failing = true
	default:
		body.problem("status", "is not a known status, must be ok or failing")
	}
	body.check("message", ping.Message, 0, heartbeat.MaxMessageLength)
	if err := body.err(); err != nil {
		return err
	}
	heard, err := a.config.Heartbeats.Heartbeat(r.Context(), name, ping)
	if err != nil {
		return err
	}
	return w.sendJSON(http.StatusOK, heard.View())
}
