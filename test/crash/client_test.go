package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// clientOf returns a client of a server with the handler.
func clientOf(tb testing.TB, handler http.HandlerFunc) *client {
	tb.Helper()
	server := httptest.NewServer(handler)
	a := newAPI()
	tb.Cleanup(func() {
		a.close()
		server.Close()
	})
	f := newFleet(options{}, "", "", 1, a, nil)
	f.setAddress(0, server.Listener.Addr().String())
	return &client{api: a, ledger: newLedger(), fleet: f, writer: newWriter(1)}
}

func TestClientRepeatsUntilAnswered(t *testing.T) {
	var attempts atomic.Int32
	p := &post{alerts: []*alert{plain("a")}}
	c := clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
		switch attempts.Add(1) {
		case 1:
			http.Error(w, "not now", http.StatusServiceUnavailable)
		case 2:
			panic(http.ErrAbortHandler) // the connection breaks off
		case 3: // the connection breaks off within the answer
			w.Header().Set("Content-Length", "999")
			w.WriteHeader(http.StatusOK)
		default:
			_, _ = fmt.Fprintln(w, eventOf(p.alerts[0], 1).json)
		}
	})
	require.True(t, c.deliver(t.Context(), p))
	require.GreaterOrEqual(t, attempts.Load(), int32(4))
	require.Empty(t, c.ledger.found())
	require.Equal(t, 1, c.ledger.acknowledged())
}

func TestClientSendsAlertsWithoutIDOnce(t *testing.T) {
	var attempts atomic.Int32
	p := &post{alerts: []*alert{plain("a")}}
	p.alerts[0].eventID = ""
	c := clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
		attempts.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	require.False(t, c.deliver(t.Context(), p))
	require.Equal(t, int32(1), attempts.Load())
	require.Zero(t, c.ledger.acknowledged())
}

func TestTransportRepeatsNothing(t *testing.T) {
	var arrived atomic.Int32
	p := &post{alerts: []*alert{plain("a")}, key: "k"} // allows net/http to repeat it
	c := clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
		if arrived.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
		_, _ = fmt.Fprintln(w, eventOf(p.alerts[0], 1).json) // the connection is kept for the next
	})
	c.sendOnce(t.Context(), c.fleet.addresses()[0], p)
	require.False(t, c.sendOnce(t.Context(), c.fleet.addresses()[0], p))
	require.Equal(t, int32(2), arrived.Load())
}

func TestTruncated201IsAPromise(t *testing.T) {
	c := clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "999")
		w.WriteHeader(http.StatusCreated)
	})
	require.False(t, c.sendOnce(t.Context(), c.fleet.addresses()[0], &post{alerts: []*alert{plain("a")}}))
	require.Equal(t, 1, c.ledger.acknowledged())
}

func TestUndocumentedAnswerIsAFinding(t *testing.T) {
	for name, test := range map[string]struct {
		status       int
		text, detail string
	}{
		"an internal error": {http.StatusInternalServerError, "oh", "the answer is 500: oh"},
		"a refusal":         {http.StatusUnprocessableEntity, "no", "the answer is 422: no"},
		"no JSON":           {http.StatusCreated, "<html>", "the answer cannot be read"},
	} {
		c := clientOf(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, test.text, test.status) })
		require.True(t, c.sendOnce(t.Context(), c.fleet.addresses()[0], &post{alerts: []*alert{plain("a")}}), name)
		requireFinding(t, c.ledger, wrong, test.detail)
		require.Zero(t, c.ledger.acknowledged(), name)
	}
}

func TestParseAnswer(t *testing.T) {
	batch := &post{form: array, alerts: []*alert{plain("a"), plain("b")}}
	answer, err := parseAnswer(batch, http.StatusOK,
		[]byte(`{"registered":1,"results":[{"index":0,"status":"registered","event_id":"x"},{"index":1,"status":"rejected","errors":[]}]}`))
	require.NoError(t, err)
	require.Equal(t, []told{{status: "registered", id: "x"}, {status: "rejected"}}, answer)

	_, err = parseAnswer(batch, http.StatusOK, []byte(`{"results":[{"index":1,"status":"registered"}]}`))
	require.ErrorContains(t, err, "result 0 has the index 1")

	one, text := &post{alerts: []*alert{plain("a")}}, eventOf(plain("a"), 3).json
	for status, want := range map[int]string{http.StatusCreated: "registered", http.StatusOK: "duplicate"} {
		answer, err := parseAnswer(one, status, []byte(text+"\n"))
		require.NoError(t, err)
		require.Equal(t, []told{{want, "id-a", text}}, answer)
	}
}
