package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
)

// statusClientGone is what the log and the metrics call a request whose client
// went away before the answer; nobody sees it as an answer.
const statusClientGone = 499

// response is the ResponseWriter that handlers get. It remembers what the log
// and the metrics want to know.
type response struct {
	http.ResponseWriter
	requestID string
	status    int // 0 until the header is out
	bytes     int64
	cause     error // for the log
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the header.
func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *response) Write(data []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(data)
	w.bytes += int64(n)
	return n, err
}

// send answers with a whole body. An error means that the client is gone.
func (w *response) send(status int, contentType string, body []byte) {
	header := w.Header()
	header["Content-Type"] = []string{contentType}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil && w.cause == nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		w.cause = err
	}
}

const contentJSON = "application/json"

// sendJSON answers with a value. It is for answers that are not made of events.
func (w *response) sendJSON(status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.send(status, contentJSON, append(body, '\n'))
	return nil
}

// instrument wraps a handler with what every request gets: an id, a record in
// the log, metrics by the route's pattern, and an answer to errors and panics.
// An empty pattern stands for requests that match no route.
func (a *API) instrument(method, pattern string, h handler) http.Handler {
	route := a.metrics.Route(method, pattern)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		began := time.Now()
		w := &response{ResponseWriter: rw, requestID: requestID(r)}
		header := rw.Header()
		header["X-Request-Id"] = []string{w.requestID}
		header["X-Content-Type-Options"] = noSniff
		header["Cache-Control"] = noStore
		defer func() {
			recovered := recover()
			if recovered != nil {
				a.recovered(w, r, recovered)
			}
			status := w.status
			switch {
			case r.Context().Err() != nil && errors.Is(context.Cause(r.Context()), context.Canceled) && (status == 0 || w.cause != nil):
				status = statusClientGone
			case status == 0:
				status = http.StatusOK
			}
			took := time.Since(began)
			route.Observe(status, took)
			a.logAccess(w, r, pattern, status, took)
			if recovered != nil && (w.status != http.StatusInternalServerError || recovered == http.ErrAbortHandler) { //nolint:errorlint // a panic's value
				panic(http.ErrAbortHandler) // the answer had begun: cut it off
			}
		}()
		if err := h(w, r); err != nil {
			writeProblem(w, err)
		}
	})
}

// These are shared: nothing changes a header's values in place.
var (
	noSniff = []string{"nosniff"}
	noStore = []string{"no-store"}
)

// recovered logs a panic and answers it if that is still possible.
func (a *API) recovered(w *response, r *http.Request, value any) {
	if value == http.ErrAbortHandler { //nolint:errorlint // a panic's value
		return
	}
	a.log.LogAttrs(r.Context(), slog.LevelError, "panic in a request",
		slog.String("request_id", w.requestID), slog.Any("panic", value), slog.String("stack", string(debug.Stack())))
	if w.status == 0 {
		writeProblem(w, fmt.Errorf("panic: %v", value))
	}
}

func (a *API) logAccess(w *response, r *http.Request, pattern string, status int, took time.Duration) {
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !a.log.Enabled(r.Context(), level) {
		return
	}
	var space [9]slog.Attr
	attrs := append(space[:0],
		slog.String("method", shorten(r.Method)), slog.String("path", shorten(r.URL.Path)), slog.String("route", pattern),
		slog.Int("status", status), slog.Int64("bytes", w.bytes), slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.String("request_id", w.requestID), slog.String("remote", r.RemoteAddr))
	if w.cause != nil {
		attrs = append(attrs, slog.String("error", w.cause.Error()))
	}
	a.log.LogAttrs(r.Context(), level, "request", attrs...)
}

// requestID returns the client's id for the request if it is harmless, else a
// new one.
func requestID(r *http.Request) string {
	if ids := r.Header["X-Request-Id"]; len(ids) == 1 && harmless(ids[0]) {
		return ids[0]
	}
	return uuid.Must(uuid.NewV7()).String()
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

// buffers keeps memory for bodies and answers.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func getBuffer() *bytes.Buffer {
	b, _ := buffers.Get().(*bytes.Buffer)
	b.Reset()
	return b
}

// putBuffer takes memory back, unless it is so much that it had better go.
func putBuffer(b *bytes.Buffer) {
	if b.Cap() <= 1<<20 {
		buffers.Put(b)
	}
}
