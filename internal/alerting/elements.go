package alerting

import (
	"bytes"
	"fmt"
	"iter"
)

// Elements splits a JSON array, without white space around it, into its elements,
// so that each can be decoded by itself. It follows strings, brackets and commas
// and looks at nothing else: an element may be malformed in any way that leaves
// these intact. A closing bracket closes everything up to its opening one; if there
// is none it is part of the element.
//
// If the array cannot be followed to its end, the last pair has an [*Error] with
// [CodeMalformed], and the elements before it are to be dropped. Elements share
// memory with data.
func Elements(data []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if len(data) < 2 || data[0] != '[' || data[len(data)-1] != ']' {
			yield(nil, malformedArray("it ends too soon, or there is more after it"))
			return
		}
		inside := data[1 : len(data)-1]
		var open brackets
		begin, index := 0, 0
		for i := 0; i < len(inside); i++ {
			switch c := inside[i]; c {
			case '"':
				end := stringEnd(inside, i)
				if end < 0 {
					yield(nil, malformedArray("a string in element %d does not end", index))
					return
				}
				i = end
			case '{', '[':
				open.push(c)
			case '}', ']':
				open.pop(c)
			case ',':
				if len(open.stack) > 0 {
					continue
				}
				if !yield(trimSpace(inside[begin:i]), nil) {
					return
				}
				begin, index = i+1, index+1
			}
		}
		last := trimSpace(inside[begin:])
		switch {
		case len(open.stack) > 0:
			yield(nil, malformedArray("element %d is not closed", index))
		case index > 0 || len(last) > 0: // else the array is empty
			yield(last, nil)
		}
	}
}

func malformedArray(format string, args ...any) *Error {
	return &Error{Code: CodeMalformed, Message: "malformed JSON: the array cannot be read: " + fmt.Sprintf(format, args...)}
}

// trimSpace drops what is white space in JSON.
func trimSpace(data []byte) []byte { return bytes.Trim(data, " \t\r\n") }

// brackets are the brackets that are open. The cost of all pops together is that
// of the pushes.
type brackets struct {
	stack []byte
	count ['{' + 1]int // of each kind in the stack
}

func (b *brackets) push(opening byte) {
	b.stack = append(b.stack, opening)
	b.count[opening]++
}

func (b *brackets) pop(closing byte) {
	const distance = '}' - '{' // as between [ and ]
	opening := closing - distance
	if b.count[opening] == 0 {
		return
	}
	for {
		top := b.stack[len(b.stack)-1]
		b.stack = b.stack[:len(b.stack)-1]
		b.count[top]--
		if top == opening {
			return
		}
	}
}

// stringEnd returns the place of the quote that ends the string that begins at
// data[begin], or -1 if it does not end.
func stringEnd(data []byte, begin int) int {
	for i := begin + 1; i < len(data); i++ {
		switch data[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}
