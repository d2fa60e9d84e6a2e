package httpapi_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/httpapi"
)

// panics makes GET /config panic, as a mistake in the program would.
func panics(c *httpapi.Config) {
	c.EffectiveConfig = func() map[string]any { panic(errors.New("secret of the inside")) }
}

func TestPanicIsAnInternalErrorWithoutDetails(t *testing.T) {
	h := newHarness(t, panics)
	a := h.get("/config")
	p := requireProblem(t, a, http.StatusInternalServerError)
	require.NotContains(t, a.body, "secret of the inside")
	require.Contains(t, p.Detail, "request_id")

	record := h.lastRecord()
	require.Equal(t, "ERROR", record["level"])
	require.Equal(t, p.RequestID, record["request_id"])
	require.Equal(t, "panic: secret of the inside", record["error"])
	require.Contains(t, record["stack"], "middleware_test.go")
	require.Equal(t, http.StatusCreated, h.post(breach).status, "the next request is served")
}

func TestPanicCutsOffABegunAnswer(t *testing.T) {
	h := newHarness(t)
	connection := &broken{header: http.Header{}}
	require.PanicsWithValue(t, http.ErrAbortHandler, func() {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/version", nil)
		require.NoError(t, err)
		h.api.Handler().ServeHTTP(connection, request)
	})
	require.Contains(t, h.lastRecord()["error"], "the connection's own mistake")
}

// broken is a connection that panics once the header is out.
type broken struct{ header http.Header }

func (b *broken) Header() http.Header       { return b.header }
func (b *broken) WriteHeader(int)           {}
func (b *broken) Write([]byte) (int, error) { panic("the connection's own mistake") }

func TestEncodingErrorIsAnInternalError(t *testing.T) {
	h := newHarness(t, func(c *httpapi.Config) {
		c.EffectiveConfig = func() map[string]any { return map[string]any{"server": func() {}} }
	})
	requireProblem(t, h.get("/config"), http.StatusInternalServerError)
	require.Contains(t, h.lastRecord()["error"], "encode answer")
}

// lastRecord returns the last record of the log.
func (h *harness) lastRecord() map[string]any {
	h.tb.Helper()
	lines := strings.Split(strings.TrimSpace(h.log.String()), "\n")
	record := map[string]any{}
	require.NoError(h.tb, json.Unmarshal([]byte(lines[len(lines)-1]), &record), lines[len(lines)-1])
	return record
}

func TestEveryRequestHasAnID(t *testing.T) {
	h := newHarness(t)
	require.Equal(t, "gate-7.x_Y", h.do(http.MethodGet, "/healthz", "", "X-Request-Id", "gate-7.x_Y").header.Get("X-Request-Id"))
	for name, id := range map[string]string{
		"none": "", "with a space": "a b", "with a quote": `a"b`, "too long": strings.Repeat("a", 65), "with a line end": "a\nb",
	} {
		t.Run(name, func(t *testing.T) {
			made := h.on(t).do(http.MethodGet, "/healthz", "", "X-Request-Id", id).header.Get("X-Request-Id")
			require.Regexp(t, `^[0-9a-f]{32}$`, made)
		})
	}
	made := h.do(http.MethodGet, "/healthz", "", "X-Request-Id", "a", "X-Request-Id", "b").header.Get("X-Request-Id")
	require.Regexp(t, `^[0-9a-f]{32}$`, made, "two are none")
}

func TestEachRequestIsOneLogRecord(t *testing.T) {
	h := newHarness(t, logsAll)
	h.do(http.MethodPost, "/alerts", breach, "X-Request-Id", "r1")
	record := h.lastRecord()
	require.Equal(t, 1, strings.Count(h.log.String(), "\n"))
	for key, want := range map[string]any{
		"level": "INFO", "msg": "request", "method": "POST", "path": "/alerts", "route": "/alerts", "status": 201.0, "request_id": "r1",
	} {
		require.Equal(t, want, record[key], key)
	}
	for _, key := range []string{"bytes", "duration_ms", "remote"} {
		require.Contains(t, record, key)
	}
	require.NotContains(t, record, "error")

	h.post(`{"severity":`)
	require.Equal(t, "INFO", h.lastRecord()["level"], "a client's mistake is not ours")
	require.NotEmpty(t, h.lastRecord()["error"])
}

func TestInputCannotForgeLogRecords(t *testing.T) {
	h := newHarness(t)
	h.get("/nothing%0A{\"level\":\"ERROR\"}")
	h.get("/" + strings.Repeat("x", 5000))
	h.post("{\"severity\":\"loud\\nforged\"}", "X-Request-Id", "a\"}\nforged")
	lines := strings.Split(strings.TrimSpace(h.log.String()), "\n")
	require.Len(t, lines, 3)
	for _, line := range lines {
		require.True(t, json.Valid([]byte(line)), line)
		require.Less(t, len(line), 1500)
	}
}

func TestPathIsNoMetricLabel(t *testing.T) {
	h := newHarness(t)
	h.get("/events/0197f5c2-7a3e-7c4d-9f10-2b6c8d1e4a55")
	h.get("/evil/path")
	h.do("BREW", "/evil/path", "")
	h.do(http.MethodDelete, "/events", "")
	text := h.get("/metrics").body
	for _, series := range []string{
		`alertd_http_requests_total{code="404",method="GET",route="/events/{event_id}"} 1`,
		`alertd_http_requests_total{code="404",method="GET",route="unmatched"} 1`,
		`alertd_http_requests_total{code="404",method="other",route="unmatched"} 1`,
		`alertd_http_requests_total{code="405",method="DELETE",route="unmatched"} 1`,
		`alertd_http_request_duration_seconds_count{method="GET",route="/events/{event_id}"} 1`,
	} {
		require.Contains(t, text, series)
	}
	require.NotContains(t, text, "evil")
	require.NotContains(t, text, "BREW")
	require.NotContains(t, text, "0197f5c2")
}

// logsAll logs every request.
func logsAll(c *httpapi.Config) { c.Settings.AccessLog = httpapi.AccessLogAll }

func TestAccessLogModes(t *testing.T) {
	acknowledge := "/incidents/" + incidentText + "/acknowledge"
	for name, test := range map[string]struct {
		method, target, body string
		config               func(*httpapi.Config)
		in                   []httpapi.AccessLog // it is logged in these modes
	}{
		"a request that is answered":   {method: http.MethodGet, target: "/events", in: []httpapi.AccessLog{"all"}},
		"an alert that is registered":  {method: http.MethodPost, target: "/alerts", body: breach, in: []httpapi.AccessLog{"all"}},
		"an alert that is refused":     {method: http.MethodPost, target: "/alerts", body: "{}", in: []httpapi.AccessLog{"all", "errors"}},
		"a path that is not there":     {method: http.MethodGet, target: "/nothing", in: []httpapi.AccessLog{"all", "errors"}},
		"a panic":                      {method: http.MethodGet, target: "/config", config: panics, in: []httpapi.AccessLog{"all", "errors", "off"}},
		"an alert that is not kept":    {method: http.MethodPost, target: "/alerts", body: breach, config: onBrokenLog, in: []httpapi.AccessLog{"all", "errors", "off"}},
		"an answer that lacks a part":  {method: http.MethodGet, target: "/events", config: withoutIncidents, in: []httpapi.AccessLog{"all", "errors", "off"}},
		"an acknowledgement":           {method: http.MethodPost, target: acknowledge, body: `{"by":"Ada"}`, in: []httpapi.AccessLog{"all", "errors", "off"}},
		"an acknowledgement of nobody": {method: http.MethodPost, target: acknowledge, body: `{}`, in: []httpapi.AccessLog{"all", "errors", "off"}},
		"a reload":                     {method: http.MethodPost, target: "/-/reload", in: []httpapi.AccessLog{"all", "errors", "off"}},
	} {
		for _, mode := range []httpapi.AccessLog{"", httpapi.AccessLogErrors, httpapi.AccessLogAll, httpapi.AccessLogOff} {
			t.Run(name+", "+string(mode), func(t *testing.T) {
				h := newHarness(t, func(c *httpapi.Config) {
					c.Settings.AccessLog = mode
					if test.config != nil {
						test.config(c)
					}
				})
				if test.config == nil {
					h.folded(breach)
				}
				before := strings.Count(h.log.String(), `"msg":"request"`)
				h.do(test.method, test.target, test.body)
				records := strings.Count(h.log.String(), `"msg":"request"`) - before
				if slices.Contains(test.in, cmp.Or(mode, "errors")) {
					require.Equal(t, 1, records)
				} else {
					require.Zero(t, records)
				}
			})
		}
	}
}

// withoutIncidents has events whose incidents cannot be read.
func withoutIncidents(c *httpapi.Config) {
	desk := newDesk()
	desk.away = errDiskFull
	c.EventIncidents = desk
	_, err := c.Manager.Register(context.Background(), alerting.Alert{
		Severity: alerting.SeverityError, Category: alerting.CategoryOther, Source: "s", Message: "m",
	})
	if err != nil {
		panic(err) // it is a good one
	}
}

func TestSlowRequestIsAlwaysLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := 999 * time.Millisecond
		h := newHarness(t, func(c *httpapi.Config) {
			c.Settings.AccessLog = httpapi.AccessLogOff
			c.EffectiveConfig = func() map[string]any { <-time.After(took); return nil }
		})
		h.get("/config")
		require.Empty(t, h.log.String())
		took = time.Second
		h.get("/config")
		require.InDelta(t, 1000, h.lastRecord()["duration_ms"], 0)

		h.api.Reconfigure(httpapi.Settings{AccessLog: httpapi.AccessLogOff, SlowRequest: 2 * time.Second})
		before := h.log.String()
		h.get("/config")
		require.Equal(t, before, h.log.String())
	})
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	h := newHarness(t)
	p := requireProblem(t, h.get("/nothing"), http.StatusNotFound)
	require.Contains(t, p.Detail, "/nothing")
	requireProblem(t, h.get("/events/"), http.StatusNotFound)
	requireProblem(t, h.get("/events/a/b"), http.StatusNotFound)
	requireProblem(t, h.do("BREW", "/nothing", ""), http.StatusNotFound)
	for target, allow := range map[string]string{
		"/alerts": "POST", "/events": "GET, HEAD", "/events/x": "GET, HEAD", "/stats": "GET, HEAD", "/-/reload": "POST",
	} {
		for _, method := range []string{http.MethodDelete, http.MethodPut, http.MethodPatch, "BREW"} {
			a := h.do(method, target, "")
			requireProblem(t, a, http.StatusMethodNotAllowed)
			require.Equal(t, allow, a.header.Get("Allow"), "%s %s", method, target)
		}
	}
}

func TestHeadHasNoBody(t *testing.T) {
	h := newHarness(t)
	h.post(breach)
	server := h.serve()
	for _, target := range []string{"/", "/events", "/stats", "/metrics", "/healthz", "/readyz", "/version", "/config", "/openapi.yaml", "/docs"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+target, nil)
		require.NoError(t, err)
		response, err := server.Client().Transport.RoundTrip(request) //nolint:bodyclose // readAll does
		require.NoError(t, err)
		require.Empty(t, readAll(t, response.Body), target)
		require.Less(t, response.StatusCode, 400, target)
	}
	require.NotContains(t, h.log.String(), `"error"`)
}

func TestForeignOriginCannotPost(t *testing.T) {
	h := newHarness(t)
	for name, header := range map[string][]string{
		"by its origin":              {"Origin", "https://evil.example"},
		"by what the browser says":   {"Sec-Fetch-Site", "cross-site"},
		"even from a sibling's page": {"Sec-Fetch-Site", "same-site"},
	} {
		t.Run(name, func(t *testing.T) {
			h := h.on(t)
			requireProblem(t, h.post(breach, header...), http.StatusForbidden)
			requireProblem(t, h.do(http.MethodPost, "/-/reload", "", header...), http.StatusForbidden)
		})
	}
	require.Zero(t, h.manager.Count())
	require.Equal(t, http.StatusCreated, h.post(breach, "Sec-Fetch-Site", "same-origin").status)
	require.Equal(t, http.StatusOK, h.do(http.MethodGet, "/events", "", "Sec-Fetch-Site", "cross-site").status, "reading is for the browser to judge")
}

func TestOriginOfPublicURLMayPost(t *testing.T) {
	for name, test := range map[string]struct {
		publicURL, origin string
		refused           bool
	}{
		"the same":                 {publicURL: "https://alertd.example.com", origin: "https://alertd.example.com"},
		"below a path":             {publicURL: "https://desk.example.com/alertd", origin: "https://desk.example.com"},
		"as browsers write it":     {publicURL: "HTTPS://Alertd.Example.com:443", origin: "https://alertd.example.com"},
		"with a port":              {publicURL: "http://alertd.example.com:8080", origin: "http://alertd.example.com:8080"},
		"an address":               {publicURL: "http://[2001:DB8::1]:80/", origin: "http://[2001:db8::1]"},
		"of letters beyond ASCII":  {publicURL: "https://bücher.example", origin: "https://xn--bcher-kva.example"},
		"of another scheme":        {publicURL: "https://alertd.example.com", origin: "http://alertd.example.com", refused: true},
		"of another port":          {publicURL: "https://alertd.example.com", origin: "https://alertd.example.com:8443", refused: true},
		"of a sibling":             {publicURL: "https://alertd.example.com", origin: "https://evil.example.com", refused: true},
		"where there is no such":   {publicURL: "", origin: "https://alertd.example.com", refused: true},
		"where it is not a URL":    {publicURL: "%", origin: "https://alertd.example.com", refused: true},
		"where it has no host":     {publicURL: "desk", origin: "null", refused: true},
		"even with Sec-Fetch-Site": {publicURL: "https://alertd.example.com", origin: "https://alertd.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, func(c *httpapi.Config) { c.Settings.PublicURL = test.publicURL })
			header := []string{"Origin", test.origin}
			if strings.Contains(name, "Sec-Fetch-Site") {
				header = append(header, "Sec-Fetch-Site", "same-site") // the proxy has another name
			}
			if test.refused {
				requireProblem(t, h.post(breach, header...), http.StatusForbidden)
				return
			}
			require.Equal(t, http.StatusCreated, h.post(breach, header...).status)
			h.api.Reconfigure(httpapi.Settings{PublicURL: "https://moved.example.com"})
			requireProblem(t, h.post(breach, header...), http.StatusForbidden)
			require.Equal(t, http.StatusCreated, h.post(breach, "Origin", "https://moved.example.com").status)
		})
	}
}

func TestAnswersCarrySecurityHeaders(t *testing.T) {
	h := newHarness(t)
	for _, target := range []string{"/events", "/nothing", "/stats"} {
		a := h.get(target)
		require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	}
}
