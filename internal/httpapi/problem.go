package httpapi

import (
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

	retryAfter   int    // seconds; 0: no Retry-After
	authenticate string // WWW-Authenticate; "": none
	cause        error
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

// statuses is the one table from the core's codes to statuses. A code that is
// not in it is an internal error.
var statuses = map[alerting.Code]int{
	alerting.CodeMalformed:   http.StatusBadRequest,
	alerting.CodeInvalid:     http.StatusUnprocessableEntity,
	alerting.CodeUnavailable: http.StatusServiceUnavailable,
	alerting.CodeNotFound:    http.StatusNotFound,
	alerting.CodeConflict:    http.StatusConflict,
	alerting.CodeInternal:    http.StatusInternalServerError,
}

// maxFieldErrors bounds the errors in one answer, so that a body full of unknown fields
// is not answered with one many times its size.
const maxFieldErrors = 20

// capErrors returns the first problems, and how many more there are.
func capErrors(problems []alerting.FieldError) []alerting.FieldError {
	if len(problems) <= maxFieldErrors {
		return problems
	}
	kept := make([]alerting.FieldError, 0, maxFieldErrors+1)
	for _, problem := range problems[:maxFieldErrors] {
		kept = append(kept, alerting.FieldError{Field: shorten(problem.Field), Message: problem.Message})
	}
	return append(kept, alerting.FieldError{Field: "", Message: fmt.Sprintf("and %d more", len(problems)-maxFieldErrors)})
}

// fieldErrors is an error with a message for each field that is wrong.
type fieldErrors interface {
	error
	FieldErrors() []alerting.FieldError
}

// toProblem turns any error into what the client may see of it.
func toProblem(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if known, ok := errors.AsType[*alerting.Error](err); ok && statuses[known.Code] != 0 {
		p := newProblem(statuses[known.Code], "%s", detailOf(known))
		p.Errors, p.cause = capErrors(known.Fields), known.Cause
		if p.Status == http.StatusServiceUnavailable {
			p.retryAfter = 5
		}
		return p
	}
	p := newProblem(http.StatusInternalServerError, "an internal error occurred; the log has more under this request_id")
	p.cause = err
	return p
}

func detailOf(err *alerting.Error) string {
	if err.Message != "" {
		return err.Message
	}
	if err.Code == alerting.CodeMalformed {
		return err.Error()
	}
	fields := capErrors(err.Fields)
	names := make([]string, 0, len(fields))
	for _, field := range fields {
		if field.Field != "" {
			names = append(names, shorten(field.Field))
		}
	}
	return "invalid: " + strings.Join(names, ", ")
}

// writeProblem answers with a problem. If an answer has begun already, the error is
// for the log only.
func writeProblem(w *response, err error) {
	p := *toProblem(err)
	w.cause = err
	if w.status != 0 {
		return
	}
	p.RequestID = w.requestID
	body, err := appendJSON(nil, &p)
	if err != nil { // cannot be: it is made of texts and numbers
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"an internal error occurred"}`)
	}
	p.setHeader(w.Header())
	w.send(p.Status, "application/problem+json", body)
	w.discardBody()
}

// setHeader adds the header fields of a problem's answer.
func (p *problem) setHeader(header http.Header) {
	if p.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.authenticate != "" {
		header.Set("WWW-Authenticate", p.authenticate)
	}
}

func notFound(_ *response, r *http.Request) error {
	return newProblem(http.StatusNotFound, "there is nothing at %s; see /docs for what there is", shorten(r.URL.Path))
}

// methodNotAllowed answers a request whose path takes other methods. The router also
// calls it for methods that it does not know, at any path.
func (a *API) methodNotAllowed(router chi.Router) handler {
	return func(w *response, r *http.Request) error {
		path := r.URL.RawPath // what the router matches
		if path == "" {
			path = r.URL.Path
		}
		if a.preflight(w, r, router, path) {
			return nil
		}
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
			if router.Match(chi.NewRouteContext(), method, path) {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 {
			return notFound(w, r)
		}
		allow := strings.Join(allowed, ", ")
		w.Header().Set("Allow", allow)
		return newProblem(http.StatusMethodNotAllowed, "%s does not take %s, only %s", shorten(r.URL.Path), shorten(r.Method), allow)
	}
}

// shorten makes text from outside fit for a message.
func shorten(text string) string {
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strings.ToValidUTF8(text, "�")
}
