package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"alertd/internal/alerting"
)

// problem is an error as the client sees it: a problem document of RFC 9457. As
// an error it also carries what only the log sees.
type problem struct {
	Type      string                `json:"type"`
	Title     string                `json:"title"`
	Status    int                   `json:"status"`
	Detail    string                `json:"detail"`
	RequestID string                `json:"request_id"`
	Errors    []alerting.FieldError `json:"errors,omitempty"`

	retryAfter int // seconds; 0: no Retry-After
	cause      error
}

func (p *problem) Error() string {
	if p.cause != nil {
		return p.Detail + ": " + p.cause.Error()
	}
	return p.Detail
}

func (p *problem) Unwrap() error { return p.cause }

func newProblem(status int, format string, args ...any) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// statusOf maps the core's codes to statuses.
func statusOf(code alerting.Code) int {
	switch code {
	case alerting.CodeMalformed:
		return http.StatusBadRequest
	case alerting.CodeInvalid:
		return http.StatusUnprocessableEntity
	case alerting.CodeUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// fieldErrors is an error that can say what is wrong field by field.
type fieldErrors interface {
	error
	FieldErrors() []alerting.FieldError
}

// toProblem turns any error into what the client may see of it.
func toProblem(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if known, ok := errors.AsType[*alerting.Error](err); ok {
		p := newProblem(statusOf(known.Code), "%s", detailOf(known))
		p.Errors, p.cause = known.Fields, known.Cause
		if p.Status == http.StatusServiceUnavailable {
			p.retryAfter = 1
		}
		return p
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return newProblem(http.StatusRequestEntityTooLarge, "the request body is over the limit of %d bytes", tooLarge.Limit)
	}
	p := newProblem(http.StatusInternalServerError, "an internal error occurred; the log has more under this request_id")
	p.cause = err
	return p
}

func detailOf(err *alerting.Error) string {
	if err.Message != "" {
		return err.Message
	}
	names := make([]string, 0, len(err.Fields))
	for _, field := range err.Fields {
		names = append(names, field.Field)
	}
	return "invalid: " + strings.Join(names, ", ")
}

// writeProblem answers with a problem. If an answer has begun already, there is
// nothing more to say.
func writeProblem(w *response, err error) {
	p := *toProblem(err)
	w.cause = err
	if w.status != 0 {
		return
	}
	p.RequestID = w.requestID
	body, err := json.Marshal(&p)
	if err != nil {
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"an internal error occurred"}`)
	}
	header := w.Header()
	if p.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.Status == http.StatusRequestEntityTooLarge {
		header.Set("Connection", "close") // the rest of the body is not read
	}
	w.send(p.Status, "application/problem+json", body)
}

func notFound(_ *response, r *http.Request) error {
	return newProblem(http.StatusNotFound, "there is nothing at %s; see /docs for what there is", shorten(r.URL.Path))
}

func (a *API) methodNotAllowed(w *response, r *http.Request) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		if a.router.Match(chi.NewRouteContext(), method, r.URL.Path) {
			allowed = append(allowed, method)
		}
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return newProblem(http.StatusMethodNotAllowed, "%s does not take %s, only %s", shorten(r.URL.Path), shorten(r.Method), strings.Join(allowed, ", "))
}

// shorten makes text from outside fit for a message.
func shorten(text string) string {
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strings.ToValidUTF8(text, "�")
}
