package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"alertd/internal/access"
)

// response is the ResponseWriter that handlers get. It records what the log and
// the metrics show. It is reused: nothing may keep it after the handler has
// returned.
type response struct {
	http.ResponseWriter
	requestID string
	caller    *access.Caller // nil until it is known
	// fields holds the values of the two header fields that every answer has of its
	// own, so that both cost one allocation.
	fields *fields
	status int // 0 until the header is out
	bytes  int64
	cause  error     // for the log
	stack  []byte    // of a panic, for the log
	gone   bool      // the client went away in mid-request
	unread io.Reader // the rest of a body over the limit, to be discarded after the answer
}

// fields are the values of header fields; a field is a slice of one of them.
type fields struct{ requestID, contentLength [1]string }

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the header.
func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *response) Write(data []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(data)
	w.bytes += int64(n)
	return n, err
}

// begin sends the header of an answer whose length in bytes is known.
func (w *response) begin(status int, contentType string, length int) {
	header := w.Header()
	if contentType == contentJSON {
		header["Content-Type"] = jsonField
	} else {
		header["Content-Type"] = []string{contentType}
	}
	w.fields.contentLength[0] = strconv.Itoa(length)
	header["Content-Length"] = w.fields.contentLength[:]
	w.WriteHeader(status)
}

// put sends a part of the body. An error is for the log: the client is gone.
func (w *response) put(body []byte) {
	if _, err := w.Write(body); err != nil && w.cause == nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		w.cause = fmt.Errorf("write answer: %w", err)
	}
}

// send answers with a whole body.
func (w *response) send(status int, contentType string, body []byte) {
	w.begin(status, contentType, len(body))
	w.put(body)
}

// The media types of bodies.
const (
	contentJSON   = "application/json"
	contentNDJSON = "application/x-ndjson"
	contentForm   = "application/x-www-form-urlencoded"
)

// jsonField is shared: nothing changes a header's values in place.
var jsonField = []string{contentJSON}

// sendJSON answers with a value. It is for answers that are not made of events.
func (w *response) sendJSON(status int, value any) error {
	body, err := appendJSON(nil, value)
	if err != nil {
		return err
	}
	w.send(status, contentJSON, append(body, '\n'))
	return nil
}

// appendJSON appends a value's JSON, without escapes for HTML.
func appendJSON(dst []byte, value any) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// responses and buffers keep memory for reuse; they hold no state.
var (
	responses = sync.Pool{New: func() any { return new(response) }}
	buffers   = sync.Pool{New: func() any { return new(bytes.Buffer) }}
)

func getBuffer() *bytes.Buffer {
	b, _ := buffers.Get().(*bytes.Buffer)
	b.Reset()
	return b
}

// putBuffer takes memory back, unless it is too much to keep.
func putBuffer(b *bytes.Buffer) {
	if b.Cap() <= 1<<20 {
		buffers.Put(b)
	}
}

// flushAt is how many bytes of an answer of unbounded size are gathered before
// they are sent: few system calls, and little memory.
const flushAt = 64 << 10
