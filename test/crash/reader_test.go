package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// serveText serves answers by request target; others are 404.
func serveText(tb testing.TB, answers map[string]string) (api, string) {
	tb.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := answers[r.URL.RequestURI()]
		if !ok {
			http.Error(w, "there is nothing", http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, text)
	}))
	a := newAPI()
	tb.Cleanup(func() {
		a.close()
		server.Close()
	})
	return a, server.Listener.Addr().String()
}

func bare(seq int) string {
	return fmt.Sprintf(`{"event_id":"i%d","seq":%d,"message":"m%d"}`, seq, seq, seq)
}

func TestReadLogFollowsCursorsToTheEnd(t *testing.T) {
	a, address := serveText(t, map[string]string{
		"/events?limit=1000":               `{"events":[` + bare(9) + `,` + bare(7) + `],"next_cursor":"a b"}`,
		"/events?limit=1000&cursor=a+b":    `{"events":[` + bare(6) + `],"next_cursor":"next"}`,
		"/events?limit=1000&cursor=next":   `{"events":[` + bare(2) + `],"next_cursor":null}`,
		"/events?limit=1000&cursor=unused": `{"events":[],"next_cursor":null}`,
	})
	log, err := a.readLog(t.Context(), address)
	require.NoError(t, err)
	require.Equal(t, []record{{"i9", 9, "m9", bare(9), ""}, {"i7", 7, "m7", bare(7), ""}, {"i6", 6, "m6", bare(6), ""}, {"i2", 2, "m2", bare(2), ""}}, log)
}

func TestReadLogEndsAtACursorLoop(t *testing.T) {
	for name, second := range map[string]string{
		"to the same page": `{"events":[` + bare(9) + `],"next_cursor":"c"}`,
		"to nothing":       `{"events":[],"next_cursor":"c"}`,
	} {
		t.Run(name, func(t *testing.T) {
			a, address := serveText(t, map[string]string{
				"/events?limit=1000": `{"events":[` + bare(9) + `],"next_cursor":"c"}`, "/events?limit=1000&cursor=c": second,
			})
			_, err := a.readLog(t.Context(), address)
			require.ErrorContains(t, err, "to no older events")
		})
	}
}

func TestReadLogReportsUnreadableAnswers(t *testing.T) {
	for name, test := range map[string]struct{ answer, problem string }{
		"no JSON":             {"<html>", "invalid character"},
		"an event without id": {`{"events":[{"seq":1}]}`, "no event_id"},
	} {
		a, address := serveText(t, map[string]string{"/events?limit=1000": test.answer})
		_, err := a.readLog(t.Context(), address)
		require.ErrorContains(t, err, test.problem, name)
	}
	a, address := serveText(t, nil)
	_, err := a.readLog(t.Context(), address)
	require.ErrorContains(t, err, "404 Not Found: there is nothing")
}

func TestReadStream(t *testing.T) {
	message := func(seq int) string { return fmt.Sprintf("id: %d\nevent: alert\ndata: %s\n\n", seq, bare(seq)) }
	const end = "unexpected EOF"
	tests := map[string]struct {
		text    string
		seen    int
		problem string
		broken  bool // a broken promise
	}{
		"up to what is wanted":     {"retry: 2000\n\n" + message(3) + ": heartbeat\n\n" + message(4) + message(5), 2, "", false},
		"it ends before":           {message(3), 1, end, false},
		"it ends within a message": {message(3) + strings.TrimSuffix(message(4), "\n"), 1, end, false},
		"a gap":                    {"event: gap\ndata: {\"from\":1}\n\n" + message(3), 0, `it has a gap: {"from":1}`, true},
		"a reader that is dropped": {message(3) + "event: dropped\ndata: {}\n\n", 1, "the stream ends: dropped", false},
		"an id that is another's":  {"id: 4\nevent: alert\ndata: " + bare(3) + "\n\n", 0, `the id of seq 3 is "4"`, true},
		"an event that is none":    {"id: 4\nevent: alert\ndata: {}\n\n", 0, "no event_id", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, address := serveText(t, map[string]string{"/events/stream": test.text})
			var seen []record
			err := a.readStream(t.Context(), address, 2, func(r record) bool {
				seen = append(seen, r)
				return r.seq < 4
			})
			require.Len(t, seen, test.seen)
			if test.problem == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.problem)
			require.Equal(t, test.broken, errors.Is(err, errStream))
		})
	}
}

func TestReadStreamResumes(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Last-Event-ID")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	a := newAPI()
	defer a.close()
	err := a.readStream(t.Context(), server.Listener.Addr().String(), 42, func(record) bool { return true })
	require.ErrorContains(t, err, "not ready")
	require.NotErrorIs(t, err, errStream)
	require.Equal(t, "42", asked)
}
