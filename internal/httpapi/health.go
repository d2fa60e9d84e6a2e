package httpapi

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metricsHandler shows the registry to Prometheus. A collector that fails does
// not hide the others.
func (a *API) metricsHandler() handler {
	h := promhttp.HandlerFor(a.config.Registry, promhttp.HandlerOpts{
		ErrorHandling:     promhttp.ContinueOnError,
		EnableOpenMetrics: true,
		ErrorLog:          slog.NewLogLogger(a.config.Logger.Handler(), slog.LevelError),
	})
	return func(w *response, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

// getHealthz says that alertd is alive.
func (a *API) getHealthz(w *response, _ *http.Request) error {
	return w.sendJSON(http.StatusOK, map[string]string{"status": "ok"})
}

type readyCheck struct {
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
}

type readyAnswer struct {
	Status string                `json:"status"`
	Checks map[string]readyCheck `json:"checks,omitempty"`
}

// ReadyCheck is one thing that must work for alertd to be ready.
type ReadyCheck struct {
	// Name is the check's name in the answer of GET /readyz.
	Name string
	// Err returns nil if it works. Otherwise the error is an [*alerting.Error], whose
	// message is public. It must not block.
	Err func() error
}

// getReadyz says whether alertd takes alerts and tells people of them. Why it does not it says
// only to callers that are known: the reasons may tell of the machine.
func (a *API) getReadyz(w *response, _ *http.Request) error {
	answer := readyAnswer{"ready", map[string]readyCheck{"accepting": {OK: true}}}
	status := http.StatusOK
	fail := func(name, reason string) {
		answer.Status, status = "not ready", http.StatusServiceUnavailable
		answer.Checks[name] = readyCheck{Reason: reason}
	}
	if a.shuttingDown() {
		fail("accepting", "shutting down")
	}
	for _, check := range a.config.Ready {
		answer.Checks[check.Name] = readyCheck{OK: true}
		if err := check.Err(); err != nil {
			fail(check.Name, toProblem(err).Detail)
		}
	}
	if status != http.StatusOK {
		w.Header().Set("Retry-After", "5")
	}
	if w.caller.Role == "" {
		answer.Checks = nil
	}
	return w.sendJSON(status, answer)
}

// getVersion says which alertd this is.
func (a *API) getVersion(w *response, _ *http.Request) error {
	return w.sendJSON(http.StatusOK, a.config.Build)
}

// getConfig shows the configuration in force, without its secrets.
func (a *API) getConfig(w *response, _ *http.Request) error {
	return w.sendJSON(http.StatusOK, a.config.EffectiveConfig())
}

// postReload reads the configuration again. A bad one changes nothing.
func (a *API) postReload(w *response, r *http.Request) error {
	restart, err := a.config.Reload(r.Context())
	if fields, ok := errors.AsType[fieldErrors](err); ok {
		p := newProblem(http.StatusUnprocessableEntity, "the configuration is not valid, nothing has changed")
		p.Errors, p.cause = fields.FieldErrors(), err
		return p
	}
	if err != nil {
		return err
	}
	if restart == nil {
		restart = []string{}
	}
	return w.sendJSON(http.StatusOK, struct {
		Reloaded        bool     `json:"reloaded"`
		RestartRequired []string `json:"restart_required"`
	}{true, restart})
}
