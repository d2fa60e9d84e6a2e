package alerting

import (
	"iter"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Value is a JSON value within a context, as it was written: without white space around it.
// It was checked when its alert arrived, so it is read without checks. Reading stays within
// bounds in any other text, too.
type Value string

// Members returns the members of the context's first level, in the order in which they
// were sent: see [Value.Members].
func (c Context) Members() iter.Seq2[string, Value] { return Value(c.String()).Members() }

// Members returns the members of an object in the order in which they were written, none of
// any other value. It reads as little of the JSON as possible and allocates nothing for a
// name without escapes: incident.BenchmarkKeyOf.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		text := string(v)
		if text == "" || text[0] != '{' {
			return
		}
		for at := 1; ; { // after the opening brace
			start := strings.IndexByte(text[at:], '"')
			if start < 0 {
				return
			}
			start += at
			end := afterString(text, start)
			name, _ := Value(text[start:end]).Text()
			begin := afterSpace(text, afterSpace(text, end)+1) // after the colon
			at = afterValue(text, begin)
			if !yield(name, Value(text[begin:at])) {
				return
			}
		}
	}
}

// Text returns the text of a string. ok is false for any other value.
func (v Value) Text() (text string, ok bool) {
	if len(v) < 2 || v[0] != '"' {
		return "", false
	}
	if strings.IndexByte(string(v), '\\') < 0 {
		return string(v[1 : len(v)-1]), true
	}
	unquoted, err := jsontext.AppendUnquote(nil, string(v))
	return string(unquoted), err == nil
}

// afterString returns the end of the string at at.
func afterString(text string, at int) int {
	for at++; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(text)
}

// afterSpace skips white space at at.
func afterSpace(text string, at int) int {
	for at < len(text) && strings.IndexByte(" \t\r\n", text[at]) >= 0 {
		at++
	}
	return min(at, len(text))
}

// afterValue returns the end of the value at at.
func afterValue(text string, at int) int {
	for depth := 0; at < len(text); {
		switch text[at] {
		case '"':
			at = afterString(text, at)
		case '{', '[':
			depth++
			at++
		case '}', ']':
			if depth == 0 { // the end of the enclosing object
				return at
			}
			depth--
			at++
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return at
			}
			at++
			continue
		default:
			at++
			continue
		}
		if depth == 0 {
			return at
		}
	}
	return len(text)
}
