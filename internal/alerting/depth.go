package alerting

import (
	"bytes"
	"errors"
)

// MaxDepth is how deep JSON may be nested that is sent to alertd. It leaves room around a
// context, whose own limit is [MaxContextDepth].
const MaxDepth = 64

// ErrTooDeep is the cause of the error for JSON that is nested deeper than [MaxDepth].
var ErrTooDeep = errors.New("nested too deep")

// CheckDepth refuses JSON that is nested too deep, before anything else looks at it. The
// data may be malformed: the depth is right up to where the JSON is. The error is an
// [*Error] with [CodeMalformed] and [ErrTooDeep].
func CheckDepth(data []byte) error {
	// Hardly any alert has so many brackets, and to count them is much faster.
	if bytes.Count(data, []byte("{"))+bytes.Count(data, []byte("[")) <= MaxDepth {
		return nil
	}
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			if i = stringEnd(data, i); i < 0 {
				return nil // the rest is no JSON
			}
		case '{', '[':
			if depth++; depth > MaxDepth {
				return &Error{Code: CodeMalformed, Message: "malformed JSON: it is nested deeper than 64 levels, must be at most 64", Cause: ErrTooDeep}
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}
