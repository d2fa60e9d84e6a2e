package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/access"
	"alertd/internal/alerting"
)

// trimSpace drops what is white space in JSON.
func trimSpace(data []byte) []byte { return bytes.Trim(data, " \t\r\n") }

// bodyReader reads the members of a JSON object and collects their problems.
type bodyReader struct {
	known    []string
	values   map[string]jsontext.Value
	problems []alerting.FieldError
}

// readObject reads the request's body, which must be one JSON object. If it has nothing to
// say, because it has no members or they say who a known caller is, it may be empty, of any media
// type. It collects the problems of the members; the error is about the body as a whole.
func (a *API) readObject(w *response, r *http.Request, known ...string) (*bodyReader, error) {
	return a.readMembers(w, r, len(known) == 0 || w.caller.Kind != access.Anonymous, known...)
}

// readOptional is readObject for a body that may be empty for every caller.
func (a *API) readOptional(w *response, r *http.Request, known ...string) (*bodyReader, error) {
	return a.readMembers(w, r, true, known...)
}

func (a *API) readMembers(w *response, r *http.Request, optional bool, known ...string) (*bodyReader, error) {
	buffer := getBuffer()
	defer putBuffer(buffer)
	if err := a.readBody(w, r, buffer); err != nil {
		return nil, err
	}
	body := newBodyReader(known...)
	if buffer.Len() == 0 && optional {
		return body, nil
	}
	if _, err := a.openBody(r, buffer, contentJSON); err != nil {
		return nil, err
	}
	data := trimSpace(buffer.Bytes())
	if len(data) == 0 && optional {
		return body, nil
	}
	if err := alerting.CheckDepth(data); err != nil {
		a.countDepth(err)
		return nil, err
	}
	return body, body.decode(data)
}

func newBodyReader(known ...string) *bodyReader {
	return &bodyReader{known: known, values: map[string]jsontext.Value{}}
}

// readNothing reads the body of a call that needs none: it must be empty, of any
// media type, or an object without members.
func (a *API) readNothing(w *response, r *http.Request) error {
	body, err := a.readObject(w, r)
	if err != nil {
		return err
	}
	return body.err()
}

func (b *bodyReader) decode(data []byte) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	if dec.PeekKind() != '{' {
		if err := errors.Join(dec.SkipValue(), atEnd(dec)); err != nil {
			return malformedBody(err)
		}
		return &alerting.Error{Code: alerting.CodeInvalid, Message: "the body must be a JSON object"}
	}
	_, _ = dec.ReadToken() // the opening brace that was just seen
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return malformedBody(err)
		}
		member := unquote(name) // before the decoder goes on
		value, err := dec.ReadValue()
		if err != nil {
			return malformedBody(err)
		}
		b.add(member, value.Clone())
	}
	_, _ = dec.ReadToken() // the closing brace that was just seen
	if err := atEnd(dec); err != nil {
		return malformedBody(err)
	}
	return nil
}

func (b *bodyReader) add(name string, value jsontext.Value) {
	switch {
	case slices.Contains(b.known, name):
		b.values[name] = value
	case len(b.known) == 0:
		b.problem(name, "is not a known field, there must be none")
	default:
		b.problem(name, "is not a known field, must be one of %s", strings.Join(b.known, ", "))
	}
}

// unquote returns the text of a JSON string that the decoder has checked.
func unquote(value jsontext.Value) string {
	text, _ := jsontext.AppendUnquote(nil, value)
	return string(text)
}

var errMore = errors.New("there is more after the first value")

// atEnd returns nil if nothing follows the value that was read.
func atEnd(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errMore
	}
	return nil
}

// malformedBody is the error for a body that is not JSON. The decoder's text may
// quote the input, so it goes to the log only.
func malformedBody(err error) error {
	what := "cannot be read"
	syntax, known := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		what = "ends too soon"
	case errors.Is(err, jsontext.ErrDuplicateName) && known:
		what = fmt.Sprintf("has a field twice at byte %d", syntax.ByteOffset)
	case known:
		what = fmt.Sprintf("cannot be read at byte %d", syntax.ByteOffset)
	case errors.Is(err, errMore):
		what = "has more after the first value"
	}
	return &alerting.Error{Code: alerting.CodeMalformed, Message: "malformed JSON: the body " + what, Cause: err}
}

func (b *bodyReader) problem(field, format string, args ...any) {
	b.problems = append(b.problems, alerting.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// text returns the text of a member, or "" if it is absent, null, or no text.
func (b *bodyReader) text(name string) string {
	text, _ := b.given(name)
	return text
}

// given returns the text of a member, and whether there is one.
func (b *bodyReader) given(name string) (text string, ok bool) {
	value, ok := b.values[name]
	switch {
	case !ok || value.Kind() == 'n':
		return "", false
	case value.Kind() != '"':
		b.problem(name, "must be a string")
		return "", false
	}
	return unquote(value), true
}

// time returns the time of a member, zero if there is none.
func (b *bodyReader) time(name string) (at time.Time) {
	if text, given := b.given(name); given {
		var err error
		at, err = alerting.ParseTime(name, text)
		b.take(name, err)
	}
	return at
}

// flag returns whether a member is true.
func (b *bodyReader) flag(name string) bool {
	value, ok := b.values[name]
	if ok && value.Kind() != 'n' && value.Kind() != 't' && value.Kind() != 'f' {
		b.problem(name, "must be true or false")
	}
	return ok && value.Kind() == 't'
}

// take copies the problems of an error of the core under another name.
func (b *bodyReader) take(name string, err error) {
	if known, ok := errors.AsType[*alerting.Error](err); ok {
		for _, field := range known.Fields {
			b.problem(name, "%s", field.Message)
		}
	}
}

// check checks the length of a member's text, unless the member has a problem already.
func (b *bodyReader) check(name, text string, least, most int) {
	if slices.ContainsFunc(b.problems, func(p alerting.FieldError) bool { return p.Field == name }) {
		return
	}
	switch n := utf8.RuneCountInString(text); {
	case n < least:
		b.problem(name, "is missing or empty, must have %d to %d characters", least, most)
	case n > most:
		b.problem(name, "has %d characters, must have %d to %d", n, least, most)
	case strings.IndexByte(text, 0) >= 0:
		b.problem(name, "contains a NUL character, which is not allowed")
	}
}

// err returns nil or an error with every problem.
func (b *bodyReader) err() error {
	if len(b.problems) == 0 {
		return nil
	}
	return &alerting.Error{Code: alerting.CodeInvalid, Fields: b.problems}
}
