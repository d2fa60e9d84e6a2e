package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Lines reads a text line by line, each of a bounded length.
type Lines struct {
	in     *bufio.Reader
	most   int
	buffer []byte
	number uint64 // of the last line read, from 1
	bytes  int64  // read so far
}

// NewLines returns the lines of in, each of at most so many bytes.
func NewLines(in io.Reader, most int) *Lines {
	return &Lines{in: bufio.NewReaderSize(in, 64<<10), most: most}
}

// TooLongError says that a line was longer than allowed and has been skipped.
type TooLongError struct{ most int }

func (e TooLongError) Error() string {
	return fmt.Sprintf("has more than %d bytes, which is the most that [server] max_body allows", e.most)
}

// Number returns the number of the last line that was read, from 1.
func (l *Lines) Number() uint64 { return l.number }

// Next returns the next line without white space at its ends, [io.EOF] after the
// last one, and a [TooLongError] for one that is skipped. The line is valid until the next
// call.
func (l *Lines) Next() ([]byte, error) {
	l.buffer = l.buffer[:0]
	tooLong := false
	for {
		part, err := l.in.ReadSlice('\n')
		l.bytes += int64(len(part))
		if len(l.buffer)+len(bytes.TrimRight(part, "\r\n")) > l.most {
			tooLong = true
		}
		if !tooLong {
			l.buffer = append(l.buffer, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || len(l.buffer) == 0 && !tooLong):
			return nil, err
		}
		l.number++
		if tooLong {
			return nil, TooLongError{l.most}
		}
		return bytes.Trim(l.buffer, " \t\r\n"), nil
	}
}
