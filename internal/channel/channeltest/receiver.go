package channeltest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// receiver is an HTTP server that records requests.
type receiver struct {
	*httptest.Server
	f *HTTP

	mu          sync.Mutex
	connections int
	requests    int
	keys        []string
	problems    []string
}

// newReceiver starts a server that answers by handler, or as the service does if that
// is nil, until the test ends.
func newReceiver(tb testing.TB, f *HTTP, handler func(w http.ResponseWriter, r *http.Request, body []byte)) *receiver {
	tb.Helper()
	if handler == nil {
		handler = f.OK
	}
	rc := &receiver{f: f}
	rc.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the request was cut off: it has not come
		}
		rc.note(r, body)
		handler(w, r, body)
	}))
	rc.Config.ConnState = rc.connection
	rc.Start()
	tb.Cleanup(func() {
		rc.CloseClientConnections() // a channel that does not let go must not hold up the test
		rc.Close()
	})
	return rc
}

// connection counts those that are open.
func (rc *receiver) connection(_ net.Conn, state http.ConnState) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	switch state {
	case http.StateNew:
		rc.connections++
	case http.StateClosed, http.StateHijacked:
		rc.connections--
	case http.StateActive, http.StateIdle:
	}
}

// open returns how many connections there are.
func (rc *receiver) open() int {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return rc.connections
}

func (rc *receiver) note(r *http.Request, body []byte) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.requests++
	if rc.f.Key != nil {
		rc.keys = append(rc.keys, rc.f.Key(r, body))
	}
	if rc.f.Check != nil {
		if problem := rc.f.Check(r, body); problem != "" {
			rc.problems = append(rc.problems, problem)
		}
	}
}

// count returns how many requests have come whole.
func (rc *receiver) count() int {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return rc.requests
}

func (rc *receiver) address() string { return strings.TrimPrefix(rc.URL, "http://") }

func (rc *receiver) service() Service {
	return Service{
		Address: rc.address(),
		Keys: func() []string {
			rc.mu.Lock()
			defer rc.mu.Unlock()
			return slices.Clone(rc.keys)
		},
		Problems: func() []string {
			rc.mu.Lock()
			defer rc.mu.Unlock()
			return slices.Clone(rc.problems)
		},
	}
}
