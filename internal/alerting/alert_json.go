package alerting

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// recordFields are the fields that an event's JSON may have. The first
// alertFieldCount are those that an alert may have.
var recordFields = [...]string{
	"severity", "category", "source", "message", "context", "timestamp", "event_id", "dedup_key", "resolves",
	"seq", "received_at", "incident_id",
}

const alertFieldCount = 9

// optionalFields may be null, which is the same as leaving them out.
var optionalFields = [...]string{"context", "timestamp", "event_id", "dedup_key", "resolves", "received_at"}

// decoders keeps JSON decoders with their state for reuse.
var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// OwnSource is the source of the alerts that alertd raises about itself.
// [DecodeAlert] refuses it, so that nobody else can pose as alertd.
const OwnSource = "alertd"

// DecodeAlert reads one alert from a JSON object. Unknown fields, fields given
// twice, values of the wrong type, invalid UTF-8, NUL characters, nesting deeper
// than [MaxDepth] and [OwnSource] are refused. An optional field that is null counts as absent. In the context
// NaN, Infinity and -Infinity, which are not JSON but what Python's json module
// writes, become strings of these names.
//
// The error is an [*Error]: [CodeMalformed] for what is not one JSON value,
// [CodeInvalid] with every problem of every field for the rest. data is not kept.
func DecodeAlert(data []byte) (Alert, error) {
	return decode(data, alertForm{fields: recordFields[:alertFieldCount]})
}

// DecodeRecord reads an alert from an event's JSON, so that the event can be
// registered elsewhere with its id and its times. The event's place in its log
// and its incident (seq, incident_id) are ignored. [OwnSource] is allowed. The
// JSON of an alert is read as well. For the rest see [DecodeAlert].
func DecodeRecord(data []byte) (Alert, error) {
	return decode(data, alertForm{fields: recordFields[:], ownSource: true})
}

// alertForm says what the JSON of an alert may hold.
type alertForm struct {
	fields    []string
	ownSource bool
}

// alertDecoder gathers the fields of an alert and what is wrong with them.
type alertDecoder struct {
	form     alertForm
	sent     []byte // what the client sent, if the decoder reads something else
	alert    Alert
	problems []FieldError
}

// decode reads JSON strictly. Only if that fails does it look for words such as
// NaN and read the JSON again with numbers in their place.
func decode(data []byte, form alertForm) (Alert, error) {
	if err := CheckDepth(data); err != nil {
		return Alert{}, err
	}
	d := alertDecoder{form: form}
	err := d.read(data)
	if err != nil && err.Code == CodeMalformed {
		if finite := withoutNonFinite(data); finite != nil {
			d = alertDecoder{form: form, sent: data}
			err = d.read(finite)
		}
	}
	if err != nil {
		return Alert{}, err
	}
	return d.result()
}

// read reads the members of the one object in data.
func (d *alertDecoder) read(data []byte) *Error {
	dec, _ := decoders.Get().(*jsontext.Decoder)
	defer decoders.Put(dec)
	dec.Reset(bytes.NewBuffer(data))

	if kind := dec.PeekKind(); kind != '{' {
		if err := dec.SkipValue(); err != nil {
			return malformed(err)
		}
		if err := atEnd(dec); err != nil {
			return err
		}
		return &Error{Code: CodeInvalid, Message: "an alert must be a JSON object"}
	}
	_, _ = dec.ReadToken() // the opening brace that was just seen
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return malformed(err)
		}
		key := fieldName(unquote(name))
		value, err := dec.ReadValue()
		if err != nil {
			return malformed(err)
		}
		if key == "context" && d.sent != nil {
			end := dec.InputOffset()
			value = quoteNonFinite(d.sent[end-int64(len(value)) : end])
		}
		d.set(key, value)
	}
	_, _ = dec.ReadToken() // the closing brace that was just seen
	return atEnd(dec)
}

// atEnd returns nil if nothing follows the value that was read.
func atEnd(dec *jsontext.Decoder) *Error {
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return &Error{Code: CodeMalformed, Message: "malformed JSON: there is more after the first value"}
	}
	return nil
}

// fieldName returns a name as a string. It does not allocate for a known field.
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
	if !slices.Contains(d.form.fields, key) {
		return invalidField(key, "is not a known field, must be one of %s", strings.Join(d.form.fields, ", "))
	}
	switch {
	case value.Kind() == 'n' && slices.Contains(optionalFields[:], key):
		return nil
	case key == "context":
		var err *Error
		d.alert.Context, err = contextFromValid(value)
		return err
	case key == "seq" || key == "incident_id":
		return nil
	case key == "resolves":
		if value.Kind() != 't' && value.Kind() != 'f' {
			return invalidField(key, "must be true or false, not %s", kindName(value.Kind()))
		}
		d.alert.Resolves = value.Kind() == 't'
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
		if !d.form.ownSource && strings.EqualFold(strings.TrimSpace(d.alert.Source), OwnSource) {
			err = invalidField(key, "%s is the name of alertd's own alerts, must be another", quoteShort(d.alert.Source))
		}
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

// result returns the alert, or an error with the first problem of each field.
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
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 'n':
		return "null"
	default:
		return "a boolean"
	}
}

// malformed turns an error of the JSON decoder into one for the user. It names the
// field in which the error is, if it is in one.
func malformed(err error) *Error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return &Error{Code: CodeMalformed, Message: "malformed JSON: it ends too soon", Cause: err}
	}
	message, field := "malformed JSON: "+err.Error(), ""
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		message = fmt.Sprintf("malformed JSON at byte %d: %s", syntax.ByteOffset, syntax.Err)
		field = strings.Join(slices.Collect(syntax.JSONPointer.Tokens()), ".")
	}
	if field == "" {
		return &Error{Code: CodeMalformed, Message: message, Cause: err}
	}
	return &Error{Code: CodeMalformed, Fields: []FieldError{{Field: cutShort(field), Message: message}}, Cause: err}
}
