// Package answer reads HTTP answers from a plain connection. An http.Client would take more
// CPU than the measured servers.
package answer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Most is larger than any answer to one alert, including errors.
const Most = 16 << 10

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
)

// Read reads one HTTP answer into space and returns its head, with the blank line, and its
// body. The answer must have a Content-Length.
func Read(r io.Reader, space []byte) (head, body []byte, err error) {
	filled, headLength, whole := 0, 0, 0 // the latter two: 0 until known
	for whole == 0 || filled < whole {
		if filled == len(space) {
			return nil, nil, fmt.Errorf("it has more than %d bytes: %.200q", len(space), space)
		}
		n, err := r.Read(space[filled:])
		filled += n
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, nil, fmt.Errorf("after %d bytes: %w", filled, err)
		}
		if whole > 0 {
			continue
		}
		end := bytes.Index(space[:filled], headEnd)
		if end < 0 {
			continue
		}
		headLength = end + len(headEnd)
		length, err := bodyLength(space[:headLength])
		if err != nil {
			return nil, nil, err
		}
		whole = headLength + length
	}
	if filled > whole {
		return nil, nil, fmt.Errorf("there is more after its end: %q", space[whole:filled])
	}
	return space[:headLength], space[headLength:whole], nil
}

// bodyLength reads the Content-Length in a head.
func bodyLength(head []byte) (int, error) {
	_, after, found := bytes.Cut(head, contentLength)
	text, _, _ := bytes.Cut(after, []byte("\r"))
	length, err := strconv.Atoi(string(text))
	if !found || err != nil || length < 0 {
		return 0, fmt.Errorf("it has no Content-Length:\n%s", head)
	}
	return length, nil
}
