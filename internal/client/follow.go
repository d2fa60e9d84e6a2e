package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Message is one message of a stream of Server-Sent Events.
type Message struct {
	// Type is such as "alert".
	Type string
	// ID is that of the last event, for Last-Event-ID.
	ID string
	// Data is the message's JSON.
	Data []byte
}

const (
	// maxMessage is how many bytes a message may have.
	maxMessage = 16 << 20
	// quietLimit is how long a stream may send nothing. alertd sends something every 15 s,
	// unless it is configured otherwise; a connection without a sign of life may be dead.
	quietLimit = 2 * time.Minute
)

var errQuiet = errors.New("the stream has sent nothing for " + quietLimit.String())

// Follow returns the messages of the stream at a path from after the event with the id
// after, without an end. If the connection is lost, it calls lost with the reason and the
// wait, and goes on behind the last event that it has seen. The last that it yields is an
// error that waiting does not mend, or the cause of the context's end.
func (c *Client) Follow(ctx context.Context, path string, query url.Values, after string, lost func(error, time.Duration)) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for attempt := 1; ; attempt++ {
			stopped := false
			err := c.stream(ctx, path, query, after, func(m Message) bool {
				attempt, after = 0, m.ID
				stopped = !yield(m, nil)
				return !stopped
			})
			if stopped {
				return
			}
			if ctx.Err() != nil {
				yield(Message{}, context.Cause(ctx))
				return
			}
			if !Temporary(err) {
				yield(Message{}, err)
				return
			}
			wait := waitAfter(max(attempt, 1), err)
			lost(err, wait)
			if err := sleep(ctx, wait); err != nil {
				yield(Message{}, err)
				return
			}
		}
	}
}

// stream hands over the messages of one connection. The error says why it ended; it is nil
// if handle wanted no more.
func (c *Client) stream(ctx context.Context, path string, query url.Values, after string, handle func(Message) bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(quietLimit, func() { cancel(errQuiet) })
	defer quiet.Stop()
	response, err := c.do(ctx, http.MethodGet, path, query, func(h http.Header) {
		h.Set("Accept", "text/event-stream")
		if after != "" {
			h.Set("Last-Event-Id", after)
		}
	}, nil)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // only read from
	if media := response.Header.Get("Content-Type"); !strings.HasPrefix(media, "text/event-stream") {
		return c.stranger(fmt.Sprintf("the answer is %q and not a stream of events", media))
	}
	err = readMessages(response.Body, after, func() { quiet.Reset(quietLimit) }, handle)
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), errQuiet):
		err = errQuiet
	case errors.Is(err, io.EOF):
		err = errors.New("the stream has ended")
	}
	return &UnreachableError{c.shown, err}
}

// readMessages reads Server-Sent Events (WHATWG HTML, section 9.2). alive is called for
// each line. The error says why it ended, [io.EOF] for the end; it is nil if handle wanted
// no more.
func readMessages(in io.Reader, id string, alive func(), handle func(Message) bool) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxMessage)
	message := Message{ID: id}
	for lines.Scan() {
		alive()
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "":
			if lines.Text() != "" { // a comment
				continue
			}
			if message.Data != nil && !handle(message) {
				return nil
			}
			message = Message{ID: message.ID}
		case "event":
			message.Type = value
		case "id":
			message.ID = value
		case "data":
			if message.Data != nil {
				message.Data = append(message.Data, '\n')
			}
			if message.Data = append(message.Data, value...); len(message.Data) > maxMessage {
				return bufio.ErrTooLong
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.EOF
}
