package alerting

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// recordFields are the fields that an event's JSON may have. The first
// alertFieldCount are those that an alert may have.
var recordFields = [...]string{
	"severity", "category", "source", "message", "context", "timestamp", "event_id", "dedup_key",
	"seq", "received_at", "incident_id",
}

const alertFieldCount = 8

// decoders keeps JSON decoders with their state for reuse.
var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// DecodeAlert reads one alert from a JSON object. Unknown fields, fields given
// twice, values of the wrong type, invalid UTF-8 and NUL characters are
// refused. The error is an [*Error]: [CodeMalformed] for what is not one JSON
// value, [CodeInvalid] with every problem of every field for the rest. data is
// not kept.
func DecodeAlert(data []byte) (Alert, error) { return decode(data, recordFields[:alertFieldCount]) }

// DecodeRecord reads an alert from an event's JSON, so that the event can be
// registered anew elsewhere with its id and its times. Where it stood in its log
// and what became of it (seq, incident_id) is passed over. The fields of an alert
// alone do as well. For errors see [DecodeAlert].
func DecodeRecord(data []byte) (Alert, error) { return decode(data, recordFields[:]) }

func decode(data []byte, allowed []string) (Alert, error) {
	dec, _ := decoders.Get().(*jsontext.Decoder)
	defer decoders.Put(dec)
	dec.Reset(bytes.NewBuffer(data))

	if kind := dec.PeekKind(); kind != '{' {
		if err := dec.SkipValue(); err != nil {
			return Alert{}, malformed(err)
		}
		if err := atEnd(dec); err != nil {
			return Alert{}, err
		}
		return Alert{}, &Error{Code: CodeInvalid, Message: "an alert must be a JSON object"}
	}
	_, _ = dec.ReadToken() // the opening brace that was just seen
	fields := alertDecoder{allowed: allowed}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return Alert{}, malformed(err)
		}
		key := fieldName(unquote(name))
		value, err := dec.ReadValue()
		if err != nil {
			return Alert{}, malformed(err)
		}
		fields.set(key, value)
	}
	_, _ = dec.ReadToken() // the closing brace that was just seen
	if err := atEnd(dec); err != nil {
		return Alert{}, err
	}
	return fields.result()
}

// atEnd returns nil if nothing follows the value that was read.
func atEnd(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return &Error{Code: CodeMalformed, Message: "malformed JSON: there is more after the first value"}
	}
	return nil
}

// alertDecoder gathers the fields of an alert and what is wrong with them.
type alertDecoder struct {
	allowed  []string
	alert    Alert
	problems []FieldError
}

// fieldName returns the name as a string; for a known one without allocating.
func fieldName(name []byte) string {
	for _, known := range recordFields {
		if string(name) == known {
			return known
		}
	}
	return string(name)
}

func (d *alertDecoder) set(key string, value jsontext.Value) {
	if err := d.decode(key, value); err != nil {
		d.problems = append(d.problems, err.Fields...)
	}
}

func (d *alertDecoder) decode(key string, value jsontext.Value) *Error {
	if key == "context" {
		var err *Error
		d.alert.Context, err = contextFromValid(value)
		return err
	}
	if !slices.Contains(d.allowed, key) {
		return invalidField(key, "is not a known field, must be one of %s", strings.Join(d.allowed, ", "))
	}
	if key == "seq" || key == "incident_id" {
		return nil
	}
	if value.Kind() != '"' {
		return invalidField(key, "must be a string, not %s", kindName(value.Kind()))
	}
	var err error
	switch text := unquote(value); key {
	case "severity":
		err = d.alert.Severity.UnmarshalText(text)
	case "category":
		err = d.alert.Category.UnmarshalText(text)
	case "source":
		d.alert.Source = string(text)
	case "message":
		d.alert.Message = string(text)
	case "timestamp":
		d.alert.Timestamp, err = parseAlertTime(key, text)
	case "received_at":
		d.alert.ReceivedAt, err = parseAlertTime(key, text)
	case "event_id":
		d.alert.EventID, err = ParseEventID(string(text))
	case "dedup_key":
		if d.alert.DedupKey = string(text); len(text) == 0 {
			err = invalidField(key, "is empty, must have 1 to %d characters", MaxDedupKeyLength)
		}
	}
	problem, _ := errors.AsType[*Error](err)
	return problem
}

// result returns the alert, or every problem, each field's first one only.
func (d *alertDecoder) result() (Alert, error) {
	known := make(map[string]bool, len(d.problems))
	for _, problem := range d.problems {
		known[problem.Field] = true
	}
	for _, problem := range d.alert.normalize() {
		if !known[problem.Field] {
			d.problems = append(d.problems, problem)
		}
	}
	if len(d.problems) > 0 {
		return Alert{}, &Error{Code: CodeInvalid, Fields: d.problems}
	}
	return d.alert, nil
}

// unquote returns the text of a JSON string that the decoder has checked. It
// may share memory with it.
func unquote(value jsontext.Value) []byte {
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	text, _ := jsontext.AppendUnquote(nil, value)
	return text
}

func kindName(kind jsontext.Kind) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '0':
		return "a number"
	case 'n':
		return "null"
	default:
		return "a boolean"
	}
}

// parseAlertTime reads a time that, if it is given, is not zero: that would stand
// for none in an [Alert].
func parseAlertTime(field string, text []byte) (time.Time, error) {
	t, err := ParseTime(field, string(text))
	if err == nil && t.IsZero() {
		err = outOfRange(field, t)
	}
	return t, err
}

// ParseTime reads an RFC 3339 time. The error names the field.
func ParseTime(field, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || !strictTime(text) {
		return time.Time{}, invalidField(field, "%s is not a time, must be RFC 3339 such as 2025-12-27T10:30:00Z", quoteShort(text))
	}
	return t, nil
}

// strictTime looks at a text that time.Parse takes for RFC 3339 for what RFC 3339
// does not allow, but time.Parse does (go.dev/issue/54580): an hour of one digit,
// a comma before the fraction, an offset of a day or more.
func strictTime(text string) bool {
	const hour = len("2006-01-02T")
	offset := text[len(text)-len("07:00"):]
	return text[hour+2] == ':' && !strings.Contains(text, ",") &&
		(text[len(text)-1] == 'Z' || offset[:2] < "24" && offset[3:] < "60")
}

// malformed turns an error of the JSON decoder into one for the user.
func malformed(err error) *Error {
	message := "malformed JSON: " + err.Error()
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		message = fmt.Sprintf("malformed JSON at byte %d: %s", syntax.ByteOffset, syntax.Err)
		if syntax.JSONPointer != "" {
			message += fmt.Sprintf(" (at %s)", quoteShort(string(syntax.JSONPointer)))
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		message = "malformed JSON: it ends too soon"
	}
	return &Error{Code: CodeMalformed, Message: message, Cause: err}
}
