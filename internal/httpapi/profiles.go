package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
	"time"

	"alertd/internal/access"
)

// profiles returns the routes of the Go runtime's profiles, for go tool pprof. They are no
// part of the contract, and only the admin listener has them: making a profile costs CPU,
// and memory has secrets.
func profiles() []Route {
	var rows []Route
	for pattern, serve := range map[string]http.HandlerFunc{
		"/debug/pprof/":        pprof.Index,
		"/debug/pprof/{name}":  pprof.Index,
		"/debug/pprof/cmdline": pprof.Cmdline,
		"/debug/pprof/profile": pprof.Profile,
		"/debug/pprof/symbol":  pprof.Symbol,
		"/debug/pprof/trace":   pprof.Trace,
	} {
		rows = append(rows, Route{Method: http.MethodGet, Pattern: pattern, Need: access.NeedAdmin, handle: profile(serve), streams: true})
	}
	return rows
}

// profile makes a handler of one of package pprof, which extends the deadline for the answer
// itself. The one for the request would end a profile that takes longer.
func profile(serve http.HandlerFunc) handler {
	return func(w *response, r *http.Request) error {
		if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return fmt.Errorf("make a profile: %w", err)
		}
		serve(w, r)
		return nil
	}
}
