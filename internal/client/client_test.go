package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"alertd/internal/access"
	"alertd/internal/alerting"
	"alertd/internal/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve returns a client of a handler.
func serve(t *testing.T, handler http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return open(t, client.Config{URL: server.URL})
}

func open(t *testing.T, config client.Config) *client.Client {
	t.Helper()
	if config.Timeout == 0 {
		config.Timeout = 30 * time.Second
	}
	c, err := client.New(config)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestAddressIsChecked(t *testing.T) {
	token := access.NewSecret()
	for _, test := range []struct {
		url, says string
	}{
		{"alerts:8080", "must be an address"},
		{"ftp://alerts", "must be an address"},
		{"http://", "must be an address"},
		{"https://me:secret@alerts", "must have no user and no password"},
		{"https://alerts?x=1", "must have no ?"},
		{"unix:alertd.sock", "from the root"},
		{"http://alerts:8080", "--plain-http"},
		{"http://10.0.0.1", "--plain-http"},
	} {
		_, err := client.New(client.Config{URL: test.url, Token: token})
		require.ErrorContains(t, err, test.says, test.url)
		require.NotContains(t, err.Error(), "secret@")
		require.NotContains(t, err.Error(), token.Reveal())
	}
	for _, url := range []string{"http://127.0.0.1:8080", "http://[::1]:8080/", "http://localhost", "https://alerts/prefix/", "unix:/run/alertd.sock"} {
		_, err := client.New(client.Config{URL: url, Token: token})
		require.NoError(t, err, url)
	}
	_, err := client.New(client.Config{URL: "http://alerts", Token: token, PlainHTTP: true})
	require.NoError(t, err)
	_, err = client.New(client.Config{URL: "http://alerts"})
	require.NoError(t, err, "without a token there is nothing to steal")
	_, err = client.New(client.Config{URL: "https://alerts", CertFile: "cert.pem"})
	require.ErrorContains(t, err, "key file")
	_, err = client.New(client.Config{URL: "https://alerts", CAFile: "client_test.go"})
	require.ErrorContains(t, err, "has no certificate")
}

func TestTokenIsSentToTheAddressAlone(t *testing.T) {
	token := access.NewSecret()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.Fail(t, "a redirect was followed", "with %v", r.Header)
	}))
	t.Cleanup(other.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "Bearer "+token.Reveal(), r.Header.Get("Authorization"))
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	c := open(t, client.Config{URL: server.URL, Token: token})
	_, err := c.Get(t.Context(), "/stats", nil)
	require.ErrorContains(t, err, "redirect")
	require.False(t, client.Temporary(err))
}

func TestUnixSocket(t *testing.T) {
	var config net.ListenConfig
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := config.Listen(t.Context(), "unix", socket)
	require.NoError(t, err)
	server := &httptest.Server{Listener: listener, Config: &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"path":"` + r.URL.Path + `"}`))
	})}}
	server.Start()
	t.Cleanup(server.Close)
	answer, err := open(t, client.Config{URL: "unix:" + socket}).Get(t.Context(), client.Path("channels", "a/b ö"), nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"path":"/channels/a/b ö"}`, string(answer))
}

func TestDeleteHasAQueryAndNoBody(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, `{"asked":"%s %s %d"}`, r.Method, r.URL, len(body))
	})
	answer, err := c.Delete(t.Context(), client.Path("silences", "a/b"), url.Values{"by": {"ada"}})
	require.NoError(t, err)
	require.JSONEq(t, `{"asked":"DELETE /silences/a%2Fb?by=ada 0"}`, string(answer))
}

func TestAlertIsEncodedAsItIs(t *testing.T) {
	const text = `{"severity":"error","category":"other","source":"s","message":"m <b>","context":{"a":0.050}}`
	alert, err := alerting.DecodeAlert([]byte(text))
	require.NoError(t, err)
	encoded, err := client.EncodeAlert(alert)
	require.NoError(t, err)
	require.Equal(t, text, string(encoded))
}

func TestProblemIsToldInFull(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Request-Id", "r-1")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"detail":"too many","errors":[{"field":"limit","message":"is too high"},{"field":"","message":"and 2 more"}]}`))
	})
	_, err := c.Post(t.Context(), "/x", nil)
	require.EqualError(t, err, "too many (429 Too Many Requests, request r-1)\n  limit: is too high\n  and 2 more")
	refused, ok := err.(*client.Error) //nolint:errorlint // the very error
	require.True(t, ok)
	require.Equal(t, 7*time.Second, refused.RetryAfter)
	require.True(t, client.Temporary(err))
}

func TestProblemAddsNoLines(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"detail":"no\nalertd: all is well","errors":[{"field":"a\u001b","message":"b\r\nc"}]}`))
	})
	_, err := c.Get(t.Context(), "/x", nil)
	require.EqualError(t, err, `no\nalertd: all is well (403 Forbidden)`+"\n"+`  a\x1b: b\r\nc`)
}

func TestWhatIsNotAlertdIsNotTaken(t *testing.T) {
	for _, body := range []string{"<html>sign in</html>", "", `{"other":[]}`, `{"events":7}`, `{"events":[],"next_cursor":7}`, `[]`} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
		for _, err := range c.All(t.Context(), "/events", "events", nil, 0) {
			require.ErrorContains(t, err, "so it is not alertd that answers", body)
			require.True(t, client.Temporary(err))
		}
	}
}

func TestAnswerIsBounded(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range 65 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	_, err := c.Get(t.Context(), "/events", nil)
	require.ErrorContains(t, err, "more than 64 MiB")
}

func TestTimeoutIsUnreachable(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	defer close(release)
	_, err := open(t, client.Config{URL: server.URL, Timeout: 20 * time.Millisecond}).Get(t.Context(), "/stats", nil)
	require.True(t, client.Temporary(err), err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = open(t, client.Config{URL: server.URL}).Get(ctx, "/stats", nil)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, client.Temporary(err), "the user has ended it")
}

func TestPagesAreFollowedAsFarAsWanted(t *testing.T) {
	asked := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		query := r.URL.Query()
		assert.Equal(t, "error", query.Get("min_severity"))
		from := 0
		_, _ = fmt.Sscan(query.Get("cursor"), &from)
		var limit int
		_, err := fmt.Sscan(query.Get("limit"), &limit)
		assert.NoError(t, err)
		var elements []string
		for i := from; i < min(from+limit, 450); i++ {
			elements = append(elements, fmt.Sprint(i))
		}
		next := "null"
		if from+limit < 450 {
			next = fmt.Sprintf(`"%d"`, from+limit)
		}
		_, _ = fmt.Fprintf(w, `{"numbers":[%s],"next_cursor":%s}`, strings.Join(elements, ","), next)
	})
	for most, want := range map[int][2]int{0: {450, 3}, 1: {1, 1}, 200: {200, 1}, 201: {201, 2}, 1000: {450, 3}} {
		asked = 0
		count := 0
		for number, err := range c.All(t.Context(), "/numbers", "numbers", url.Values{"min_severity": {"error"}}, most) {
			require.NoError(t, err)
			require.JSONEq(t, fmt.Sprint(count), string(number))
			count++
		}
		require.Equal(t, want, [2]int{count, asked}, "at most %d", most)
	}
}

// A stream ends, another does not begin; nothing is lost or seen twice.
func TestFollowGoesOnBehindWhatItHasSeen(t *testing.T) {
	var after []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		after = append(after, r.Header.Get("Last-Event-Id"))
		switch len(after) {
		case 1:
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = w.Write([]byte("retry: 2000\n\nid: 8\nevent: alert\ndata: {\"seq\":8}\n\n: heartbeat\n\nid: 9\nevent: alert\ndata: {\"seq\":9}\n\nid: 10\nevent: alert\ndata: {\"cut"))
		case 2:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = w.Write([]byte("event: gap\r\ndata: {\"reason\":\"x\"}\r\n\r\nid: 10\nevent: alert\ndata: {\ndata: }\n\n"))
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	var seen []string
	var last error
	lost := 0
	for message, err := range c.Follow(t.Context(), "/events/stream", nil, "7", func(err error, wait time.Duration) {
		require.Positive(t, wait)
		require.True(t, client.Temporary(err))
		lost++
	}) {
		if last = err; err == nil {
			seen = append(seen, message.ID+" "+message.Type+" "+string(message.Data))
		}
	}
	require.Equal(t, []string{`8 alert {"seq":8}`, `9 alert {"seq":9}`, `9 gap {"reason":"x"}`, "10 alert {\n}"}, seen)
	require.Equal(t, []string{"7", "9", "9", "10"}, after)
	require.Equal(t, 3, lost)
	require.ErrorContains(t, last, "401")
}

func TestFollowEndsWithItsReader(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("id: 1\nevent: alert\ndata: {}\n\n"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	for _, err := range c.Follow(t.Context(), "/events/stream", nil, "", func(err error, _ time.Duration) { require.NoError(t, err) }) {
		require.NoError(t, err)
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ends := 0
	for _, err := range c.Follow(ctx, "/events/stream", nil, "", func(err error, _ time.Duration) { require.NoError(t, err) }) {
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
			ends++
		}
		cancel()
	}
	require.Equal(t, 1, ends)
}

func TestStreamThatIsNoneIsNotRead(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, err := range c.Follow(ctx, "/events/stream", nil, "", func(err error, _ time.Duration) {
		require.ErrorContains(t, err, "not a stream of events")
		cancel()
	}) {
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestAlertGetsAnIDAndATime(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	alert, err := client.NewAlert([]byte(`{"severity":"ERROR","category":"risk_limit","source":" var_gate ","message":"a < b","context":{"x": 0.0300, "nan": NaN, "t": "</x>"},"resolves":true}`), now)
	require.NoError(t, err)
	require.Equal(t, `{"event_id":"`+alert.ID.String()+`","timestamp":"2026-01-02T03:04:05.000000Z","severity":"error","category":"risk_limit","source":"var_gate","message":"a < b","context":{"x":0.0300,"nan":"NaN","t":"</x>"},"resolves":true}`, string(alert.JSON))
	again, err := client.NewAlert(alert.JSON, now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, alert, again, "what it has it keeps")
	_, err = client.NewAlert([]byte(`{"severity":"loud"}`), now)
	require.NotEmpty(t, client.Problems(err))
	_, err = client.NewAlert([]byte(`nonsense`), now)
	require.Len(t, client.Problems(err), 1)
	require.Equal(t, "{}\n{}\n", string(client.Lines([]client.Alert{{JSON: []byte("{}")}, {JSON: []byte("{}")}})))
}

// alerts returns n alerts.
func alerts(t *testing.T, n int) []client.Alert {
	t.Helper()
	list := make([]client.Alert, n)
	for i := range list {
		var err error
		list[i], err = client.NewAlert([]byte(`{"severity":"error","category":"risk_limit","source":"var_gate","message":"m"}`), time.Now())
		require.NoError(t, err)
	}
	return list
}

// takes answers with a result for each line of a request.
func takes(t *testing.T, w http.ResponseWriter, body string) {
	t.Helper()
	results := make([]client.Result, strings.Count(body, "\n"))
	for i := range results {
		results[i].Status = "registered"
	}
	assert.NoError(t, json.NewEncoder(w).Encode(map[string]any{"results": results}))
}

func body(t *testing.T, r *http.Request) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

func TestSenderRepeatsTheSameAlertsUntilTheyAreTaken(t *testing.T) {
	var bodies []string
	var asked []time.Time
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		bodies, asked = append(bodies, body(t, r)), append(asked, time.Now())
		switch len(bodies) {
		case 1:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			conn, _, err := http.NewResponseController(w).Hijack()
			assert.NoError(t, err)
			_ = conn.Close()
		case 3:
			_, _ = w.Write([]byte(`{"results":[]}`)) // of something else
		default:
			takes(t, w, bodies[0])
		}
	})
	waits := 0
	sender := client.Sender{Client: c, RetryFor: time.Minute, Waiting: func(error, time.Duration) { waits++ }}
	results, err := sender.Send(t.Context(), alerts(t, 2))
	require.NoError(t, err)
	require.Len(t, results, 2)
	require.Equal(t, 3, waits)
	require.Len(t, bodies, 4)
	for _, sent := range bodies {
		require.Equal(t, bodies[0], sent)
	}
	require.GreaterOrEqual(t, asked[1].Sub(asked[0]), time.Second)
}

func TestSenderGivesUp(t *testing.T) {
	for status, header := range map[int]string{
		http.StatusUnauthorized:        "",
		http.StatusUnprocessableEntity: "",
		http.StatusServiceUnavailable:  "3600",
		http.StatusTooManyRequests:     time.Now().Add(time.Hour).UTC().Format(http.TimeFormat),
	} {
		asked := 0
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.Header().Set("Retry-After", header)
			w.WriteHeader(status)
		})
		sender := client.Sender{Client: c, RetryFor: time.Minute, Waiting: func(err error, _ time.Duration) { require.NoError(t, err) }}
		_, err := sender.Send(t.Context(), alerts(t, 1))
		require.ErrorContains(t, err, fmt.Sprint(status))
		require.Equal(t, 1, asked, status)
	}
}

func TestBatchThatIsTooLargeIsSplit(t *testing.T) {
	list := alerts(t, 9)
	most := 3 * (len(list[0].JSON) + 1)
	taken := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if int(r.ContentLength) > most {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			_, _ = w.Write([]byte(`{"detail":"too large"}`))
			return
		}
		text := body(t, r)
		taken += strings.Count(text, "\n")
		takes(t, w, text)
	})
	sender := client.Sender{Client: c}
	results, err := sender.Send(t.Context(), list)
	require.NoError(t, err)
	require.Len(t, results, 9)
	require.Equal(t, 9, taken)
	most = 1
	results, err = sender.Send(t.Context(), list[:1])
	require.NoError(t, err)
	require.True(t, results[0].Rejected())
	require.Equal(t, "too large", results[0].Errors[0].Message)
}

func TestLinesAreWholeOrAnError(t *testing.T) {
	cut := false
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "application/x-ndjson", r.Header.Get("Accept"))
		w.Header().Set("Content-Type", "application/x-ndjson")
		_, _ = w.Write([]byte("{}\n"))
		if cut {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	})
	for _, cut = range []bool{false, true} {
		lines, err := c.Lines(t.Context(), "/audit")
		require.NoError(t, err)
		data, err := io.ReadAll(lines)
		require.Equal(t, "{}\n", string(data))
		require.Equal(t, cut, client.Temporary(err), err)
		require.NoError(t, lines.Close())
	}
	_, err := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }).Lines(t.Context(), "/audit")
	require.ErrorContains(t, err, "not application/x-ndjson")
}
