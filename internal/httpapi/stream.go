package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"alertd/internal/access"
	"alertd/internal/alerting"
)

// streamEvents sends events as they are registered, as Server-Sent Events (WHATWG
// HTML, section 9.2). A reader that is too slow is told so and dropped; the
// connection's deadlines apply to each write, not to the whole.
func (a *API) streamEvents(w *response, r *http.Request) error {
	query, err := parseStreamQuery(r.URL.RawQuery, r.Header.Get("Last-Event-Id"))
	if err != nil {
		return err
	}
	if a.shuttingDown() {
		return unavailable("alertd is shutting down")
	}
	client := clientOf(access.FromContext(r.Context()))
	if err := a.streams.enter(client, a.config.MaxStreams, a.settings.Load().Limits.StreamsPerClient, a.config.Refusals); err != nil {
		return err
	}
	defer a.streams.leave(client)
	var changes <-chan struct{} // closed by the first change since the stream was opened
	if query.changes {
		changes = a.config.Changed()
	}
	s := &stream{w: w, connection: http.NewResponseController(w), timeout: a.config.WriteTimeout, lastSeq: query.resume.After}
	if err := s.open(r.ProtoMajor); err != nil || r.Method == http.MethodHead {
		return err
	}
	s.buffer.WriteString("retry: 2000\n\n")
	subscription, err := a.config.Manager.Follow(r.Context(), query.filter, query.resume, func(missed alerting.Replay) error { return a.replay(s, missed) })
	switch {
	case errors.Is(err, errShuttingDown):
		s.message("shutdown", shutdownMessage)
		w.cause = s.flush()
		return nil
	case err != nil: // the header is out: all that is left is to end, and the client tries again
		w.cause = err
		return nil
	}
	defer subscription.Close()
	lease := a.lease(r, access.NeedRead)
	defer lease.stop()
	w.cause = a.feed(r, s, subscription, changes, lease)
	return nil
}

var errShuttingDown = errors.New("shutting down")

// replay writes what the stream missed before it went live.
func (a *API) replay(s *stream, missed alerting.Replay) error {
	if a.shuttingDown() {
		return errShuttingDown
	}
	if missed.Gap != nil {
		s.message("gap", missed.Gap)
	}
	for _, event := range missed.Events {
		if err := s.event(event); err != nil {
			return err
		}
	}
	return s.flush()
}

// lastMessage is that of a stream that alertd ends.
type lastMessage struct {
	Reason string `json:"reason"`
}

var shutdownMessage = lastMessage{"alertd is shutting down"}

func unavailable(detail string) *problem {
	p := newProblem(http.StatusServiceUnavailable, "%s", detail)
	p.retryAfter = 5
	return p
}

// rest returns how long a stream rests after a write, while events gather for the next: what a
// stream costs is its writes, so that all streams together write at most 2,000 times a second. The
// first event after a rest is written at once. make bench-hostile ARGS="-streams 1000" measures it.
func (s *openStreams) rest() time.Duration { return time.Duration(s.count()) * (time.Second / 2000) }

// changesRest is the time between two messages of a stream that something has changed: its
// reader then reads a lot anew.
const changesRest = time.Second

// feed writes to the stream until it ends. changed is closed by the next change that the reader
// is told of, and nil if there is none. The error is nil if the client or alertd ended it.
func (a *API) feed(r *http.Request, s *stream, subscription *alerting.Subscription, changed <-chan struct{}, lease *lease) error {
	heartbeat := time.NewTicker(a.config.StreamHeartbeat)
	defer heartbeat.Stop()
	if err := lease.renew(); err != nil { // it took a while to come here
		return s.revoke(err)
	}
	ready := subscription.Ready() // nil while it rests
	rest := time.NewTimer(0)
	defer rest.Stop()
	var next <-chan struct{} // that of changes, while they rest
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		if err := s.flush(); err != nil {
			return err
		}
		told := changed
		if ready == nil { // it rests
			told = nil
		}
		select {
		case <-rest.C:
			ready = subscription.Ready()
		case <-r.Context().Done():
			return nil
		case <-a.closing:
			s.message("shutdown", shutdownMessage)
			return s.flush()
		case <-lease.changed():
			if err := lease.renew(); err != nil {
				return s.revoke(err)
			}
		case <-lease.expired():
			if err := lease.renew(); err != nil {
				return s.revoke(err)
			}
		case <-heartbeat.C:
			if err := lease.signedIn(r.Context()); err != nil {
				return s.revoke(err)
			}
			s.buffer.WriteString(": heartbeat\n\n")
		case <-told:
			changed, next = nil, a.config.Changed()
			again.Reset(changesRest)
			s.message("changed", struct{}{})
			ready = nil
			rest.Reset(a.streams.rest())
		case <-again.C:
			if next != nil {
				changed, next = next, nil
			}
		case <-ready:
			events, open := subscription.Take()
			for _, event := range events {
				if err := s.event(event); err != nil {
					return err
				}
			}
			if !open {
				return s.drop()
			}
			if len(events) > 0 {
				ready = nil
				rest.Reset(a.streams.rest())
			}
		}
	}
}

// stream is one open connection of Server-Sent Events.
type stream struct {
	w          *response
	connection *http.ResponseController
	timeout    time.Duration
	buffer     bytes.Buffer
	lastSeq    alerting.Seq
}

// open sends the header. From here on the stream sets its own deadlines: the
// server's would end it, and its read deadline would cancel the request.
func (s *stream) open(protoMajor int) error {
	if err := s.connection.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("open stream: %w", err)
	}
	header := s.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no")
	if protoMajor == 1 { // in HTTP/2 it would end the connection of the other streams
		header.Set("Connection", "close") // the last write's deadline stays with it
	}
	s.w.WriteHeader(http.StatusOK)
	return nil
}

// revoke tells a reader why it may not read any more.
func (s *stream) revoke(reason error) error {
	s.message("revoked", lastMessage{reason.Error()})
	return s.flush()
}

// drop tells a reader that it was too slow.
func (s *stream) drop() error {
	s.message("dropped", struct {
		Reason  string       `json:"reason"`
		LastSeq alerting.Seq `json:"last_seq"`
	}{"this reader is too slow: too many events were waiting for it; connect again with Last-Event-ID", s.lastSeq})
	return errors.Join(errors.New("slow reader dropped"), s.flush())
}

// event adds an event to the next write, and writes if there is enough.
func (s *stream) event(event *alerting.Event) error {
	s.lastSeq = event.Seq()
	s.buffer.WriteString("id: ")
	s.buffer.Write(strconv.AppendInt(s.buffer.AvailableBuffer(), int64(s.lastSeq), 10))
	s.buffer.WriteString("\nevent: alert\ndata: ")
	if text := event.JSON(); strings.ContainsAny(text, "\r\n") {
		// Only a context's white space has line ends. What is valid compacts.
		_ = json.Compact(&s.buffer, []byte(text))
	} else {
		s.buffer.WriteString(text)
	}
	s.buffer.WriteString("\n\n")
	if s.buffer.Len() >= flushAt {
		return s.flush()
	}
	return nil
}

// message adds a message about the stream itself.
func (s *stream) message(name string, data any) {
	text, err := appendJSON(nil, data)
	if err != nil { // cannot be: it is made of texts and numbers
		text = []byte("{}")
	}
	fmt.Fprintf(&s.buffer, "event: %s\ndata: %s\n\n", name, text)
}

// flush writes what was added. A reader that takes nothing for the write
// timeout is cut off.
func (s *stream) flush() error {
	if s.buffer.Len() == 0 {
		return nil
	}
	defer func() {
		if s.buffer.Reset(); s.buffer.Cap() > 16*flushAt {
			s.buffer = bytes.Buffer{}
		}
	}()
	err := s.connection.SetWriteDeadline(time.Now().Add(s.timeout))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("set deadline of stream: %w", err)
	}
	if _, err := s.w.Write(s.buffer.Bytes()); err != nil {
		return fmt.Errorf("write stream: %w", err)
	}
	if err := s.connection.Flush(); err != nil {
		return fmt.Errorf("flush stream: %w", err)
	}
	return nil
}
