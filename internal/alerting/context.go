package alerting

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxContextDepth is how deep a context may be nested; the context object
// itself is the first level.
const MaxContextDepth = 32

// Context is the free-form JSON object that came with an alert, kept byte for
// byte as it was sent, so that numbers keep their digits and keys their order;
// [DecodeAlert] makes strings of NaN and infinities. It is immutable. The zero
// value is the empty object.
type Context struct{ raw string }

// ParseContext checks that data is one JSON object, in valid UTF-8, without
// duplicate keys and NUL characters, nested at most [MaxContextDepth] deep. White
// space around the object is dropped, white space within it is kept. The error
// is an [*Error]: [CodeMalformed] for what is not JSON, else [CodeInvalid].
func ParseContext(data []byte) (Context, error) {
	trimmed := trimSpace(data)
	if !jsontext.Value(trimmed).IsValid() {
		return Context{}, &Error{Code: CodeMalformed, Message: "context is not valid JSON, or has a duplicate key"}
	}
	c, err := contextFromValid(trimmed)
	if err != nil {
		return Context{}, err
	}
	return c, nil
}

// contextFromValid makes a context of a value that is known to be valid JSON
// without duplicate keys.
func contextFromValid(value []byte) (Context, *Error) {
	if jsontext.Value(value).Kind() != '{' {
		return Context{}, invalidField("context", "must be an object")
	}
	if err := checkContext(value); err != nil {
		return Context{}, invalidField("context", "%s", err)
	}
	return Context{raw: string(value)}, nil
}

var (
	errTooDeep = errors.New("is nested deeper than 32 levels, must be at most 32")
	errNUL     = errors.New("contains a NUL character (\\u0000), which is not allowed")
)

// checkContext refuses what JSON allows and a context does not: NUL characters and
// nesting that is too deep. value is valid JSON.
func checkContext(value []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"':
			inString = !inString
		case c == '\\': // only ever within a string
			if bytes.HasPrefix(value[i:], []byte(`\u0000`)) {
				return errNUL
			}
			i++
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > MaxContextDepth {
				return errTooDeep
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// String returns the JSON object.
func (c Context) String() string {
	if c.raw == "" {
		return "{}"
	}
	return c.raw
}

// MarshalJSON returns the JSON object.
func (c Context) MarshalJSON() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalJSON is [ParseContext].
func (c *Context) UnmarshalJSON(data []byte) error {
	parsed, err := ParseContext(data)
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}
