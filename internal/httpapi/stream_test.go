package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/httpapi"
)

// reader reads Server-Sent Events as a browser does.
type reader struct {
	tb    testing.TB
	lines *bufio.Scanner
	close func()
	// header is the answer's.
	header http.Header
}

// message is one event of the stream, or a comment.
type message struct{ id, event, data, comment string }

// listen opens a stream on a real connection.
func listen(tb testing.TB, server *httptest.Server, query string, header ...string) *reader {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/events/stream"+query, nil)
	require.NoError(tb, err)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := server.Client().Do(request) //nolint:bodyclose // close does
	require.NoError(tb, err)
	r := &reader{tb: tb, lines: bufio.NewScanner(response.Body), close: func() { _ = response.Body.Close(); cancel() }, header: response.Header}
	r.lines.Buffer(nil, 1<<20)
	tb.Cleanup(r.close)
	require.Equal(tb, http.StatusOK, response.StatusCode)
	require.Equal(tb, "text/event-stream", response.Header.Get("Content-Type"))
	require.Equal(tb, message{}, r.next(), "the first says only when to try again")
	return r
}

// next returns the next message; at the end of the stream its event is "end".
func (r *reader) next() message {
	r.tb.Helper()
	var m message
	for r.lines.Scan() {
		line := r.lines.Text()
		if line == "" {
			return m
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "":
			m.comment = value
		case "id":
			m.id = value
		case "event":
			m.event = value
		case "data":
			require.Empty(r.tb, m.data, "an event's data is on one line")
			m.data = value
		case "retry":
			require.Equal(r.tb, "2000", value)
		default:
			require.Failf(r.tb, "unknown line", "%q", line)
		}
	}
	return message{event: "end"}
}

func (h *harness) register(sources ...string) []*alerting.Event {
	h.tb.Helper()
	events := make([]*alerting.Event, 0, len(sources))
	for _, source := range sources {
		result, err := h.manager.Register(h.tb.Context(), alerting.Alert{
			Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: source, Message: "limit",
		})
		require.NoError(h.tb, err)
		events = append(events, result.Event)
	}
	return events
}

func TestStreamSendsMatchingEvents(t *testing.T) {
	h := newHarness(t)
	h.register("before")
	r := listen(t, h.serve(), "?source=var_gate&min_severity=error")
	event := h.register("other", "var_gate")[1]
	require.Equal(t, message{id: "3", event: "alert", data: event.JSON()}, r.next())
}

func TestStreamedEventIsOneLine(t *testing.T) {
	h := newHarness(t)
	r := listen(t, h.serve(), "")
	h.post("{\"severity\":\"error\",\"category\":\"other\",\"source\":\"s\",\"message\":\"m\",\"context\":{\r\n\t\"a\": 1.50\n}}")
	require.Contains(t, r.next().data, `"context":{"a":1.50}`)
}

func TestStreamResumesAfterTheLastEventSeen(t *testing.T) {
	for name, connect := range map[string]func(*testing.T, *httptest.Server) *reader{
		"by the header":    func(t *testing.T, s *httptest.Server) *reader { return listen(t, s, "", "Last-Event-ID", "1") },
		"by the parameter": func(t *testing.T, s *httptest.Server) *reader { return listen(t, s, "?last_event_id=1") },
		"the header first": func(t *testing.T, s *httptest.Server) *reader {
			return listen(t, s, "?last_event_id=2", "Last-Event-ID", "1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.register("a", "b", "c")
			r := connect(t, h.serve())
			require.Equal(t, "2", r.next().id)
			require.Equal(t, "3", r.next().id)
			h.register("d")
			require.Equal(t, "4", r.next().id, "without a gap between what was and what comes")
		})
	}
}

func TestResumedStreamReportsItsGap(t *testing.T) {
	manager, err := alerting.NewManager(alerting.Config{MinSeverity: alerting.SeverityInfo, BufferSize: 1}, nil)
	require.NoError(t, err)
	h := newHarness(t, func(c *httpapi.Config) { c.Manager = manager })
	h.register(make1000("s")...)
	r := listen(t, h.serve(), "", "Last-Event-ID", "5")
	m := r.next()
	require.Equal(t, "gap", m.event)
	require.Contains(t, m.data, `{"from":6,"to":`)
	require.Contains(t, m.data, `are no longer kept`)
	require.Empty(t, m.id, "a gap is not an event to go on from")
	require.Equal(t, "1000", r.next().id)
}

func make1000(source string) []string {
	sources := make([]string, 1000)
	for i := range sources {
		sources[i] = source
	}
	return sources
}

func TestOpeningAStreamLosesAndRepeatsNothing(t *testing.T) {
	h := newHarness(t)
	server := h.serve()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 500 {
			h.register("s")
		}
	}()
	r := listen(t, server, "", "Last-Event-ID", "0")
	for seq := 1; seq <= 500; seq++ {
		require.Equal(t, strconv.Itoa(seq), r.next().id)
	}
	<-done
}

func TestStreamOutlivesServerTimeouts(t *testing.T) {
	h := newHarness(t, func(c *httpapi.Config) { c.StreamHeartbeat = 20 * time.Millisecond })
	r := listen(t, h.serve(func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond }), "")
	for range 10 { // four times as long as the timeouts
		require.Equal(t, message{comment: "heartbeat"}, r.next())
	}
	h.register("s")
	for m := r.next(); ; m = r.next() {
		if m.comment == "" {
			require.Equal(t, "1", m.id)
			return
		}
	}
}

func TestShutdownEndsStreams(t *testing.T) {
	h := newHarness(t)
	server := h.serve()
	r := listen(t, server, "")
	h.api.Shutdown()
	h.api.Shutdown()
	m := r.next()
	require.Equal(t, "shutdown", m.event)
	require.JSONEq(t, `{"reason":"alertd is shutting down"}`, m.data)
	require.Equal(t, "end", r.next().event)
	requireProblem(t, h.get("/events/stream"), http.StatusServiceUnavailable)
	require.Equal(t, http.StatusServiceUnavailable, h.get("/readyz").status)
	require.Equal(t, http.StatusCreated, h.post(breach).status, "requests under way are still served")
}

func TestStreamsBeyondTheLimitAreRefused(t *testing.T) {
	h := newHarness(t, func(c *httpapi.Config) { c.MaxStreams = 1 })
	server := h.serve()
	first := listen(t, server, "")
	a := h.get("/events/stream")
	p := requireProblem(t, a, http.StatusServiceUnavailable)
	require.Contains(t, p.Detail, "1 event streams are open, which is the limit")
	require.Equal(t, "5", a.header.Get("Retry-After"))
	require.Contains(t, h.get("/metrics").body, "\nalertd_streams 1\n")
	first.close()
	require.Eventually(t, func() bool { return strings.Contains(h.get("/metrics").body, "\nalertd_streams 0\n") },
		10*time.Second, time.Millisecond, "a stream that was closed makes room")
	listen(t, server, "")
}

// stuck is a connection that takes nothing until it is released.
type stuck struct {
	header  http.Header
	writing chan struct{} // closed at the first write
	once    sync.Once
	release chan struct{}
	text    strings.Builder
}

func newStuck() *stuck {
	return &stuck{header: http.Header{}, writing: make(chan struct{}), release: make(chan struct{})}
}

func (s *stuck) Header() http.Header { return s.header }
func (s *stuck) WriteHeader(int)     {}
func (s *stuck) Flush()              {}

func (s *stuck) Write(data []byte) (int, error) {
	s.once.Do(func() { close(s.writing) })
	<-s.release
	return s.text.Write(data)
}

func TestSlowReaderIsDroppedWithoutHoldingUpIngest(t *testing.T) {
	h := newHarness(t)
	connection := newStuck()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/events/stream", nil)
		h.api.Handler().ServeHTTP(connection, request)
	}()
	<-connection.writing
	for range 20 { // more than may wait, and nobody reads
		h.register(make1000("s")...)
	}
	close(connection.release)
	<-ended
	text := connection.text.String()
	before, last, _ := strings.Cut(text, "event: dropped\n")
	require.Contains(t, last, `too slow`)
	ids := strings.Count(before, "\nid: ")
	require.Greater(t, ids, 10_000, "what waited is sent")
	require.Less(t, ids, 20_000)
	require.Contains(t, last, fmt.Sprintf(`"last_seq":%d}`, ids), "it is said from where to go on")
	require.Contains(t, h.log.String(), "slow reader dropped")
}

// flushed is a connection that counts its writes to the network.
type flushed struct {
	*httptest.ResponseRecorder
	writes int
}

func (f *flushed) Flush() { f.writes++ }

func TestManyStreamsWriteSeldom(t *testing.T) {
	for streams, want := range map[int]int{1: 1000, 200: 10} { // 200 streams rest for 100 ms
		synctest.Test(t, func(t *testing.T) {
			h := newHarness(t, func(c *httpapi.Config) { c.MaxStreams, c.Settings.Limits.StreamsPerClient = streams, streams })
			ctx, cancel := context.WithCancel(t.Context())
			connections := make([]*flushed, streams)
			var ended sync.WaitGroup
			for i := range connections {
				connections[i] = &flushed{ResponseRecorder: httptest.NewRecorder()}
				ended.Go(func() {
					h.api.Handler().ServeHTTP(connections[i], httptest.NewRequestWithContext(ctx, http.MethodGet, "/events/stream", nil))
				})
			}
			synctest.Wait()
			before := connections[0].writes
			for range 1000 {
				h.register("s")
				time.Sleep(time.Millisecond) //nolint:forbidigo // in a bubble
			}
			synctest.Wait()
			require.InDelta(t, want, connections[0].writes-before, 2)
			h.register("s")
			time.Sleep(100 * time.Millisecond) //nolint:forbidigo // in a bubble
			synctest.Wait()
			cancel()
			ended.Wait()
			for _, c := range connections {
				require.Equal(t, 1001, strings.Count(c.Body.String(), "\nid: "), "each event comes once")
			}
		})
	}
}

// watched is a connection that a test can read while it is written.
type watched struct {
	*httptest.ResponseRecorder
	text logBuffer
}

func (w *watched) Write(data []byte) (int, error) { return w.text.Write(data) }
func (w *watched) Flush()                         {}

func TestStreamTellsOfChangesOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var next atomic.Pointer[chan struct{}]
		next.Store(new(make(chan struct{})))
		h := newHarness(t, func(c *httpapi.Config) { c.Changed = func() <-chan struct{} { return *next.Load() } })
		change := func() {
			close(*next.Swap(new(make(chan struct{}))))
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		connection, ended := &watched{ResponseRecorder: httptest.NewRecorder()}, make(chan struct{})
		go func() {
			defer close(ended)
			h.api.Handler().ServeHTTP(connection, httptest.NewRequestWithContext(ctx, http.MethodGet, "/events/stream?changes=true", nil))
		}()
		synctest.Wait()
		told := func() int { return strings.Count(connection.text.String(), "event: changed\ndata: {}\n\n") }
		require.Equal(t, 0, told())
		change()
		require.Equal(t, 1, told(), "at once")
		change()
		change()
		require.Equal(t, 1, told())
		time.Sleep(time.Second) //nolint:forbidigo // in a bubble
		synctest.Wait()
		require.Equal(t, 2, told(), "those of a second together")
		time.Sleep(time.Minute) //nolint:forbidigo // in a bubble
		synctest.Wait()
		require.Equal(t, 2, told(), "none without a change")
		change()
		require.Equal(t, 3, told())
		cancel()
		<-ended
	})
}

func TestStuckReaderIsCutOff(t *testing.T) {
	h := newHarness(t, func(c *httpapi.Config) { c.WriteTimeout = 20 * time.Millisecond })
	server := h.serve()
	listen(t, server, "") // and never reads again
	big := strings.Repeat("x", 8192)
	require.Eventually(t, func() bool {
		for range 200 {
			_, err := h.manager.Register(t.Context(), alerting.Alert{
				Severity: alerting.SeverityError, Category: alerting.CategoryOther, Source: "s", Message: big,
			})
			require.NoError(t, err)
		}
		return strings.Contains(h.get("/metrics").body, "\nalertd_streams 0\n")
	}, 20*time.Second, time.Millisecond)
	require.Regexp(t, "(write|flush) stream", h.log.String())
}

func TestStreamNamesBadParameters(t *testing.T) {
	h := newHarness(t)
	for query, field := range map[string]string{
		"?last_event_id=x": "last_event_id", "?last_event_id=": "last_event_id", "?last_event_id=-1": "last_event_id",
		"?limit=5": "limit", "?until=2025-01-01T00:00:00Z": "until", "?min_severity=loud": "min_severity", "?source=": "source", "?changes=yes": "changes",
	} {
		requireField(t, requireProblem(t, h.get("/events/stream"+query), http.StatusBadRequest), field, "")
	}
	a := h.do(http.MethodGet, "/events/stream", "", "Last-Event-ID", "abc")
	requireField(t, requireProblem(t, a, http.StatusBadRequest), "Last-Event-ID", `"abc" is not allowed`)
}

func TestHeadOfAStreamEnds(t *testing.T) {
	h := newHarness(t)
	server := h.serve()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+"/events/stream", nil)
	require.NoError(t, err)
	response, err := server.Client().Do(request) //nolint:bodyclose // readAll does
	require.NoError(t, err)
	require.Empty(t, readAll(t, response.Body))
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
}
