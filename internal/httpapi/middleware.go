package httpapi

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"time"

	"alertd/internal/access"
	"alertd/internal/metrics"
)

// statusClientGone is the status in the log and the metrics of a request whose
// client went away before the answer. It is never sent.
const statusClientGone = 499

// handler answers a request or returns why it cannot. Once it has written
// anything, it must return nil.
type handler func(w *response, r *http.Request) error

// endpoint is a route with what every request gets around it: an id, a record
// in the log, metrics by the route's pattern, security headers, and an answer
// to errors and panics.
type endpoint struct {
	api     *API
	row     Route
	metrics *metrics.Route // nil: requests that match no route
}

// unmatched is what the log calls the route of requests that match none.
const unmatched = "unmatched"

func (e *endpoint) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	began := time.Now()
	w, _ := responses.Get().(*response)
	*w = response{ResponseWriter: rw, requestID: requestID(r), fields: new(fields)}
	w.fields.requestID[0] = w.requestID
	header := rw.Header()
	header["X-Request-Id"] = w.fields.requestID[:]
	secure(header, r)
	e.api.settings.Load().share(rw, r)

	aborted := e.run(w, r)
	took := time.Since(began)
	status := statusOf(w, r)
	if e.metrics != nil {
		e.metrics.Observe(status, took)
	} else {
		e.api.metrics.ObserveUnmatched(r.Method, status, took)
	}
	if e.logged(w, status, took) {
		e.logAccess(w, r, status, took)
	}
	*w = response{}
	responses.Put(w)
	if aborted {
		panic(http.ErrAbortHandler) // net/http cuts the connection off, silently
	}
}

// run calls the handler and answers its error or panic. It reports whether to cut
// the connection off: an answer had begun and cannot be finished, or the handler
// wants it.
func (e *endpoint) run(w *response, r *http.Request) (abort bool) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		abort = w.status != 0 || value == http.ErrAbortHandler //nolint:errorlint // a panic's value
		if value == http.ErrAbortHandler && w.cause != nil {   //nolint:errorlint // a panic's value
			return // the handler has said why
		}
		w.cause, w.stack = fmt.Errorf("panic: %v", value), debug.Stack()
		if !abort {
			writeProblem(w, w.cause)
		}
	}()
	admitted, err := e.admit(w, r)
	if err == nil {
		err = e.row.handle(w, admitted)
	}
	if err != nil {
		writeProblem(w, err)
	}
	return false
}

// statusOf returns the status for the log and the metrics.
func statusOf(w *response, r *http.Request) int {
	canceled := errors.Is(r.Context().Err(), context.Canceled)
	switch {
	case w.gone, canceled && (w.status == 0 || w.cause != nil):
		return statusClientGone
	case w.status == 0:
		return http.StatusOK
	}
	return w.status
}

// logged decides whether a request gets a record. See [AccessLog].
func (e *endpoint) logged(w *response, status int, took time.Duration) bool {
	settings := e.api.settings.Load()
	failed := status >= http.StatusInternalServerError || w.cause != nil && status < http.StatusBadRequest
	slow := took >= settings.SlowRequest && !e.row.streams
	// A flood shall not fill the disk; the metrics count all of it.
	flood := status == http.StatusTooManyRequests || status >= http.StatusBadRequest && w.caller != nil && w.caller.Identity == nobody
	if failed || slow || e.row.ByPerson() && !flood {
		return true
	}
	switch settings.AccessLog {
	case AccessLogAll:
		return true
	case AccessLogOff:
		return false
	case AccessLogErrors:
	}
	return status >= http.StatusBadRequest && (!flood || e.api.floodRecords.Allow())
}

// logAccess writes the one record of a request. What comes from outside is cut
// to a length, and the path is as it was escaped, so without control characters.
func (e *endpoint) logAccess(w *response, r *http.Request, status int, took time.Duration) {
	level, log := slog.LevelInfo, e.api.config.Logger
	if status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !log.Enabled(r.Context(), level) {
		return
	}
	var space [13]slog.Attr
	attrs := append(space[:0],
		slog.String("method", shorten(r.Method)), slog.String("path", shorten(r.URL.EscapedPath())), slog.String("route", e.row.Pattern),
		slog.Int("status", status), slog.Int64("bytes", w.bytes), slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.String("request_id", w.requestID), slog.String("remote", r.RemoteAddr))
	if w.caller != nil && w.caller.Kind != access.Anonymous {
		attrs = append(attrs, slog.String("caller", w.caller.Name))
	}
	if w.caller != nil && w.caller.Address != peerOf(r) {
		attrs = append(attrs, slog.String("client", w.caller.Address.String()))
	}
	if w.cause != nil {
		attrs = append(attrs, slog.String("error", w.cause.Error()))
	}
	if w.stack != nil {
		attrs = append(attrs, slog.String("stack", string(w.stack)))
	}
	log.LogAttrs(r.Context(), level, "request", attrs...)
}

// requestID returns the client's id for the request if it is harmless, else a
// new one. An id is for finding a request in the log, it is no secret.
func requestID(r *http.Request) string {
	if ids := r.Header["X-Request-Id"]; len(ids) == 1 && harmless(ids[0]) {
		return ids[0]
	}
	var id [32]byte
	low, high := rand.Uint64(), rand.Uint64() //nolint:gosec // not a secret
	raw := [16]byte{}
	for i := range 8 {
		raw[i], raw[8+i] = byte(low>>(8*i)), byte(high>>(8*i)) //nolint:gosec // the bytes of a number
	}
	hex.Encode(id[:], raw[:])
	return string(id[:])
}

// harmless reports whether an id has 1 to 64 letters, digits, dots, dashes and
// underscores.
func harmless(id string) bool {
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 64
}
