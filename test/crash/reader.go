package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// answerPatience bounds one request. It is longer than anything should take.
	answerPatience = 30 * time.Second
	// maxAnswer, in bytes, is larger than any answer, such as a page of 1000 events.
	maxAnswer = 64 << 20
)

// api is a client of the HTTP API.
type api struct{ client *http.Client }

func newAPI() api {
	return api{&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}}}
}

func (a api) close() { a.client.CloseIdleConnections() }

// get returns the body of a 200.
func (a api) get(ctx context.Context, address, target string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+target, nil)
	if err != nil {
		return nil, err
	}
	answer, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := readBody(answer)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the answer is %s: %.500s", answer.Status, body)
	}
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", target, err)
	}
	return body, nil
}

func readBody(answer *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	return body, errors.Join(err, answer.Body.Close())
}

// page is one answer of GET /events.
type page struct {
	records []record
	cursor  string // of the next page; "" on the last
}

func (a api) readPage(ctx context.Context, address, target string) (page, error) {
	body, err := a.get(ctx, address, target)
	if err != nil {
		return page{}, err
	}
	var answer struct {
		Events     []json.RawMessage `json:"events"`
		NextCursor string            `json:"next_cursor"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return page{}, fmt.Errorf("GET %s: %w", target, err)
	}
	p := page{cursor: answer.NextCursor}
	for _, text := range answer.Events {
		r, err := parseRecord(text)
		if err != nil {
			return page{}, fmt.Errorf("GET %s: %w", target, err)
		}
		p.records = append(p.records, r)
	}
	return p, nil
}

// readLog follows the cursors of GET /events to the end, newest first.
func (a api) readLog(ctx context.Context, address string) ([]record, error) {
	var log []record
	for target := "/events?limit=1000"; ; {
		p, err := a.readPage(ctx, address, target)
		if err != nil {
			return nil, err
		}
		// Otherwise a cursor that leads back would make an endless loop.
		if p.cursor != "" && (len(p.records) == 0 || len(log) > 0 && lastSeq(p.records) >= lastSeq(log)) {
			return nil, fmt.Errorf("GET %s: the cursor leads on, and to no older events", target)
		}
		log = append(log, p.records...)
		if p.cursor == "" {
			return log, nil
		}
		target = "/events?limit=1000&cursor=" + url.QueryEscape(p.cursor)
	}
}

// errStream says that a stream breaks its promise. Other errors of a stream may be due to the
// end of alertd or of its database.
var errStream = errors.New("GET /events/stream")

// readStream reads GET /events/stream from the event after the given one on. It passes each
// event to take until that returns false; otherwise it ends with an error.
func (a api) readStream(ctx context.Context, address string, after uint64, take func(record) (more bool)) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/events/stream", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Last-Event-ID", strconv.FormatUint(after, 10))
	answer, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // the stream is cut off
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusServiceUnavailable:
		return errors.New("alertd is not ready")
	default:
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10)) // as much as there is
		return fmt.Errorf("%w: the answer is %s: %s", errStream, answer.Status, body)
	}
	messages := bufio.NewScanner(answer.Body)
	messages.Buffer(nil, 1<<20)
	messages.Split(splitMessages)
	for messages.Scan() {
		m := parseMessage(messages.Text())
		switch m.event {
		case "": // a comment, or how long to wait before connecting again
		case "alert":
			r, err := parseRecord([]byte(m.data))
			if err != nil {
				return fmt.Errorf("%w: %w", errStream, err)
			}
			if m.id != strconv.FormatUint(r.seq, 10) {
				return fmt.Errorf("%w: the id of seq %d is %q", errStream, r.seq, m.id)
			}
			if !take(r) {
				return nil
			}
		case "gap":
			return fmt.Errorf("%w: resumed after seq %d, it has a gap: %s", errStream, after, m.data)
		default:
			return fmt.Errorf("the stream ends: %s: %s", m.event, m.data)
		}
	}
	if err := messages.Err(); err != nil {
		return fmt.Errorf("read the stream: %w", err)
	}
	return io.ErrUnexpectedEOF
}

// message is one message of Server-Sent Events.
type message struct{ id, event, data string }

// splitMessages splits at blank lines. An incomplete message at the end is dropped.
func splitMessages(data []byte, _ bool) (advance int, token []byte, err error) {
	if end := bytes.Index(data, []byte("\n\n")); end >= 0 {
		return end + 2, data[:end], nil
	}
	return 0, nil, nil
}

func parseMessage(text string) message {
	var m message
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			m.id = value
		case "event":
			m.event = value
		case "data":
			m.data += value
		}
	}
	return m
}
