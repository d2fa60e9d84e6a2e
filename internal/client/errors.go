package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/plaintext"
)

// Error is the answer of an alertd that refuses, or that cannot at the moment.
type Error struct {
	// Status is that of HTTP.
	Status int
	// Detail says what was wrong.
	Detail string
	// RequestID finds the request in alertd's log; it may be "".
	RequestID string
	// Fields say what is wrong with each field or parameter.
	Fields []alerting.FieldError
	// RetryAfter is how long alertd asks to wait; 0 if it does not.
	RetryAfter time.Duration
}

// Error has the detail, the status and the request on its first line, and each field on a
// line of its own. What the answer says adds no further lines.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s (%d %s", plaintext.Line(e.Detail), e.Status, http.StatusText(e.Status))
	if e.RequestID != "" {
		text += ", request " + plaintext.Line(e.RequestID)
	}
	return text + ")" + FieldLines(e.Fields)
}

// FieldLines returns what is wrong with each field, each on an indented line of its own
// with a line break before it.
func FieldLines(fields []alerting.FieldError) string {
	var text strings.Builder
	for _, f := range fields {
		text.WriteString("\n  ")
		if f.Field != "" {
			text.WriteString(plaintext.Line(f.Field) + ": ")
		}
		text.WriteString(plaintext.Line(f.Message))
	}
	return text.String()
}

// UnreachableError says that alertd has not answered.
type UnreachableError struct {
	// URL is the address as it was given.
	URL string
	Err error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s is not reachable: %s", e.URL, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed later: alertd was not reachable,
// or could not answer at the moment.
func Temporary(err error) bool {
	if _, ok := errors.AsType[*UnreachableError](err); ok {
		return true
	}
	refused, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	switch refused.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return refused.Status >= 500
}

// maxProblem is how many bytes of a problem document are read.
const maxProblem = 1 << 20

// readError reads an answer that is not a success.
func readError(response *http.Response) *Error {
	e := &Error{Status: response.StatusCode, RequestID: response.Header.Get("X-Request-Id"), RetryAfter: retryAfter(response.Header, time.Now())}
	var problem struct {
		Detail string                `json:"detail"`
		Errors []alerting.FieldError `json:"errors"`
	}
	data, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem)) // what is there may do
	_ = json.Unmarshal(data, &problem)                               // else there is no detail
	e.Detail, e.Fields = problem.Detail, problem.Errors
	switch {
	case e.Status >= 300 && e.Status < 400:
		e.Detail = "the answer is a redirect to " + strconv.Quote(response.Header.Get("Location")) + ", which is not followed; --url must be the address of alertd itself"
	case e.Detail == "":
		e.Detail = "the answer has no reason, so it may not be alertd that answers"
	}
	return e
}

// retryAfter returns how long the header of that name asks to wait (RFC 9110: seconds or a
// date), 0 if there is none or it makes no sense.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// plainly returns the reason for which there was no answer, without what is known anyway.
func plainly(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer within --timeout")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection was closed without an answer")
	}
	return err
}

// askedWait returns how long alertd asks to wait in an error; 0 if it does not.
func askedWait(err error) time.Duration {
	if refused, ok := errors.AsType[*Error](err); ok {
		return refused.RetryAfter
	}
	return 0
}

// Problems returns what is wrong with an alert, by an error of reading it.
func Problems(err error) []alerting.FieldError {
	if known, ok := errors.AsType[*alerting.Error](err); ok && len(known.Fields) > 0 {
		return known.Fields
	}
	return []alerting.FieldError{{Message: err.Error()}}
}
