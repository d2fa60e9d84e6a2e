package alerting

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Code classifies an [*Error] for the caller that has to decide what to do. The
// HTTP layer maps each code to one status.
type Code uint8

const (
	// CodeMalformed: the input is not JSON, or JSON that could be read in two ways.
	CodeMalformed Code = iota + 1
	// CodeInvalid: well-formed, but a field has a value that is not allowed.
	CodeInvalid
	// CodeUnavailable: alertd cannot do it now; the same call may succeed later.
	CodeUnavailable
	// CodeNotFound: there is no such thing.
	CodeNotFound
	// CodeConflict: well-formed, but not possible in the present state.
	CodeConflict
	// CodeInternal: something in alertd or its database is broken, such as a row that cannot
	// be read.
	CodeInternal
)

// FieldError says what is wrong with one field of the input.
type FieldError struct {
	// Field is the field's name as the client wrote it, dotted for nested ones.
	Field string `json:"field"`
	// Message says what is wrong with it and what is allowed.
	Message string `json:"message"`
}

// Error is the core's one error type. Its text is meant for users: it holds
// no secrets and no internals. Cause, if any, is for the log.
type Error struct {
	Code    Code
	Message string
	Fields  []FieldError
	Cause   error
}

// Error returns the message, followed by what is wrong with each field.
func (e *Error) Error() string {
	parts := make([]string, 0, len(e.Fields))
	for _, field := range e.Fields {
		parts = append(parts, field.Field+": "+field.Message)
	}
	if e.Message == "" {
		return strings.Join(parts, "; ")
	}
	if len(parts) == 0 {
		return e.Message
	}
	return e.Message + ": " + strings.Join(parts, "; ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// invalidField returns a [CodeInvalid] error about one field.
func invalidField(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Fields: []FieldError{{Field: field, Message: fmt.Sprintf(format, args...)}}}
}

// notOneOf says that value is not among the allowed ones.
func notOneOf(field, value string, allowed []string) *Error {
	return invalidField(field, "%s is not one of the known values, must be one of %s", quoteShort(value), strings.Join(allowed, ", "))
}

// quoteShort quotes a value from outside for an error text, as [cutShort] cuts it.
func quoteShort(value string) string {
	if short := cutShort(value); short != value {
		return fmt.Sprintf("%q…", strings.TrimSuffix(short, "…"))
	}
	return fmt.Sprintf("%q", value)
}

// cutShort cuts a text from outside to 64 bytes without splitting a character, and
// appends an ellipsis.
func cutShort(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
