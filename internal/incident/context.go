package incident

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/alerting"
)

// MaxContext is the most bytes of an event's context that a notice has.
const MaxContext = 16 << 10

// Context is an event's context as channels show it.
type Context struct {
	// Fields are the members of the context, in their order.
	Fields []Field `json:"fields,omitzero"`
	// Cut reports whether the context has more members than these.
	Cut bool `json:"cut,omitzero"`
}

// Field is one member of a context.
type Field struct {
	Name string `json:"name"`
	// Value is its JSON, as it was sent.
	Value jsontext.Value `json:"value"`
}

// Text returns the value for people: a string without its quotes, anything else
// as its JSON.
func (f Field) Text() string {
	if f.Value.Kind() != '"' {
		return string(f.Value)
	}
	text, err := jsontext.AppendUnquote(nil, f.Value)
	if err != nil {
		return string(f.Value)
	}
	return string(text)
}

// CutContext returns the first members of a context that fit whole into [MaxContext] bytes
// of JSON.
func CutContext(c alerting.Context) Context {
	var cut Context
	dec := jsontext.NewDecoder(bytes.NewBufferString(c.String()))
	if _, err := dec.ReadToken(); err != nil {
		return cut // alerts with such a context are rejected
	}
	for size := 0; dec.PeekKind() == '"'; {
		name, err := dec.ReadToken()
		if err != nil {
			return cut
		}
		field := Field{Name: name.String()} // before the decoder goes on
		value, err := dec.ReadValue()
		if err != nil {
			return cut
		}
		field.Value = value.Clone()
		more := len(field.Name) + len(value) + len(`"":,`)
		if size+more > MaxContext {
			cut.Cut = true
			continue
		}
		size += more
		cut.Fields = append(cut.Fields, field)
	}
	return cut
}

// Object returns the fields as one JSON object.
func (c Context) Object() jsontext.Value {
	object := []byte{'{'}
	for i, f := range c.Fields {
		if i > 0 {
			object = append(object, ',')
		}
		object, _ = jsontext.AppendQuote(object, f.Name) // it came from JSON, so it is valid UTF-8
		object = append(append(object, ':'), f.Value...)
	}
	return append(object, '}')
}
