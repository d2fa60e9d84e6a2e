package httpapi

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Once a body over the limit is answered, this much more of it is read, for this
// long: a client that sends all of its body before it reads the answer, as Python's
// standard library does, would otherwise see a reset connection in its place.
const (
	discardBytes = 64 << 20
	discardTime  = 5 * time.Second
)

// maxZstdWindow is the largest window that zstd may have as a content coding
// (RFC 9659), in bytes.
const maxZstdWindow = 8 << 20

// readBody reads the whole body as it was sent. The error is a problem: 413 for a
// body over the limit, else 400.
func (a *API) readBody(w *response, r *http.Request, body *bytes.Buffer) error {
	return readBody(w, r, body, a.config.MaxBody)
}

func readBody(w *response, r *http.Request, body *bytes.Buffer, most int64) error {
	err := error(&http.MaxBytesError{Limit: most})
	if r.ContentLength <= most { // else it is not even begun
		// MaxBytesReader knows net/http's own writer only.
		_, err = body.ReadFrom(http.MaxBytesReader(w.ResponseWriter, r.Body, most))
	}
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		w.Header().Set("Connection", "close") // or net/http would read on before it answers
		w.unread = r.Body
		return newProblem(http.StatusRequestEntityTooLarge, "the request body is over the limit of %d bytes", most)
	}
	if timeout, ok := errors.AsType[net.Error](err); errors.Is(err, io.ErrUnexpectedEOF) || ok && !timeout.Timeout() {
		w.gone = true
	}
	p := newProblem(http.StatusBadRequest, "the request body could not be read to its end")
	p.cause = err
	return p
}

// discardBody sends the answer and reads on in a body that was not read to its end,
// within [discardBytes] and [discardTime].
func (w *response) discardBody() {
	if w.unread == nil {
		return
	}
	connection := http.NewResponseController(w)
	if connection.Flush() == nil && connection.SetReadDeadline(time.Now().Add(discardTime)) == nil {
		_, _ = io.CopyN(io.Discard, w.unread, discardBytes)
	}
}

// openBody unpacks a body that was read and drops its byte-order mark. It returns
// the body's form, which is one of the allowed ones. The error is a problem: 415 for
// another media type or encoding, 413 for a body that is over the limit once it is
// unpacked, 400 for one that cannot be unpacked.
func (a *API) openBody(r *http.Request, body *bytes.Buffer, allowed ...string) (form string, err error) {
	if form, err = formOf(r.Header.Get("Content-Type"), allowed); err != nil {
		return "", err
	}
	if encodings := r.Header["Content-Encoding"]; len(encodings) > 0 {
		if err := a.unpack(strings.Join(encodings, ", "), body); err != nil {
			return "", err
		}
	}
	if bytes.HasPrefix(body.Bytes(), []byte("\ufeff")) {
		body.Next(len("\ufeff"))
	}
	return form, nil
}

// formOf returns which of the allowed forms a Content-Type stands for, the first
// one if it is empty.
func formOf(contentType string, allowed []string) (string, error) {
	if contentType == "" {
		return allowed[0], nil
	}
	if slices.Contains(allowed, contentType) {
		return contentType, nil
	}
	media, parameters, err := mime.ParseMediaType(contentType)
	charset, given := parameters["charset"]
	if err == nil && (!given || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")) {
		if form := aliasOf(media); slices.Contains(allowed, form) {
			return form, nil
		}
	}
	return "", newProblem(http.StatusUnsupportedMediaType, "Content-Type %s is not supported, must be %s, in UTF-8", strconv.Quote(shorten(contentType)), strings.Join(allowed, " or "))
}

// aliasOf returns the form that a media type in lower case stands for, or "".
func aliasOf(media string) string {
	kind, name, _ := strings.Cut(media, "/")
	if kind != "application" && kind != "text" {
		return ""
	}
	switch name = strings.TrimPrefix(name, "x-"); name {
	case "json":
		return contentJSON
	case "ndjson", "jsonl", "jsonlines":
		return contentNDJSON
	case "www-form-urlencoded":
		return contentForm
	}
	if strings.HasSuffix(name, "+json") {
		return contentJSON
	}
	return ""
}

// unpack replaces a compressed body by what is in it.
func (a *API) unpack(encoding string, body *bytes.Buffer) error {
	open := openGzip
	switch strings.ToLower(encoding) {
	case "identity":
		return nil
	case "gzip", "x-gzip":
	case "zstd":
		open = openZstd
	default:
		return newProblem(http.StatusUnsupportedMediaType, "Content-Encoding %s is not supported, must be gzip or zstd", strconv.Quote(shorten(encoding)))
	}
	packed := bytes.NewReader(bytes.Clone(body.Bytes()))
	body.Reset()
	most := a.config.MaxBody
	unpacked, err := open(packed)
	if err == nil {
		_, err = body.ReadFrom(io.LimitReader(unpacked, most+1))
		err = errors.Join(err, unpacked.Close())
	}
	switch {
	case int64(body.Len()) > most:
		return newProblem(http.StatusRequestEntityTooLarge, "the request body is over the limit of %d bytes once it is unpacked", most)
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return newProblem(http.StatusRequestEntityTooLarge, "the request body has a zstd window over the limit of %d bytes", maxZstdWindow)
	case err != nil:
		p := newProblem(http.StatusBadRequest, "the request body cannot be unpacked: it is not all of a %s stream", strings.ToLower(encoding))
		p.cause = err
		return p
	}
	return nil
}

func openGzip(packed io.Reader) (io.ReadCloser, error) { return gzip.NewReader(packed) }

func openZstd(packed io.Reader) (io.ReadCloser, error) {
	decoder, err := zstd.NewReader(packed,
		zstd.WithDecoderConcurrency(1), // without goroutines
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return nil, err
	}
	return decoder.IOReadCloser(), nil
}
