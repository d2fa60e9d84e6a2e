package httpapi_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/httpapi"
)

const (
	desk1     = "https://desk.example.com"
	elsewhere = "https://evil.example"
)

// shared returns an API whose answers pages of these origins may read.
func shared(tb testing.TB, origins ...string) (*harness, map[access.Role]string) {
	tb.Helper()
	h, tokens := guarded(tb)
	h.settings.AllowedOrigins = origins
	h.api.Reconfigure(h.settings)
	return h, tokens
}

// sharing returns the names of an answer's headers that let a page of another origin read it.
func (a answer) sharing() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a.header)), func(name string) bool { return !strings.HasPrefix(name, "Access-Control-") })
}

func TestNoOtherOriginMayReadByDefault(t *testing.T) {
	h, tokens := guarded(t)
	a := h.do(http.MethodGet, "/events", "", "Authorization", tokens[access.RoleRead], "Origin", elsewhere)
	require.Equal(t, http.StatusOK, a.status, "a program may send what it likes")
	require.Empty(t, a.sharing())
	preflight := h.do(http.MethodOptions, "/events", "", "Origin", elsewhere, "Access-Control-Request-Method", "GET")
	requireProblem(t, preflight, http.StatusMethodNotAllowed)
	require.Empty(t, preflight.sharing())
}

func TestListedOriginsMayReadWithCredentials(t *testing.T) {
	h, tokens := shared(t, desk1, "http://localhost:3000")
	for _, target := range []string{"/events", "/incidents", "/stats", "/metrics", "/version", "/healthz", "/openapi.yaml", "/nothing", "/config", "/events?limit=x"} {
		for _, credential := range [][]string{nil, {"Authorization", tokens[access.RoleRead]}} {
			a := h.do(http.MethodGet, target, "", append(credential, "Origin", desk1)...)
			require.Equal(t, desk1, a.header.Get("Access-Control-Allow-Origin"), "%s: a page can read what is wrong, too", target)
			require.Equal(t, "true", a.header.Get("Access-Control-Allow-Credentials"))
			require.Equal(t, "Retry-After, Www-Authenticate, X-Request-Id", a.header.Get("Access-Control-Expose-Headers"))
			require.Contains(t, strings.Join(a.header.Values("Vary"), ", "), "Origin")

			for _, origin := range []string{elsewhere, "null", "https://desk.example.com.evil.example", "http://desk.example.com", "https://desk.example.com:8443", "HTTPS://DESK.EXAMPLE.COM", ""} {
				a := h.do(http.MethodGet, target, "", append(credential, "Origin", origin)...)
				require.Empty(t, a.sharing(), "%s from %q", target, origin)
				require.Contains(t, strings.Join(a.header.Values("Vary"), ", "), "Origin", "a cache must not give it to the other")
			}
		}
	}
	require.Contains(t, h.do(http.MethodGet, "/version", "").header.Values("Vary"), "Origin")
	require.Equal(t, "http://localhost:3000", h.do(http.MethodGet, "/version", "", "Origin", "http://localhost:3000").header.Get("Access-Control-Allow-Origin"))
}

func TestAnyOriginMayReadWithoutCredentials(t *testing.T) {
	h, _ := shared(t, "*")
	a := h.do(http.MethodGet, "/healthz", "", "Origin", elsewhere)
	require.Equal(t, "*", a.header.Get("Access-Control-Allow-Origin"))
	require.NotContains(t, a.sharing(), "Access-Control-Allow-Credentials")
	require.Empty(t, h.do(http.MethodGet, "/healthz", "", "Origin", "null").sharing())
	preflight := h.do(http.MethodOptions, "/events", "", "Origin", elsewhere, "Access-Control-Request-Method", "GET")
	require.Equal(t, http.StatusNoContent, preflight.status)
	require.NotContains(t, preflight.sharing(), "Access-Control-Allow-Credentials")

	h, _ = shared(t, desk1, "*")
	require.NotContains(t, h.do(http.MethodGet, "/healthz", "", "Origin", desk1).sharing(), "Access-Control-Allow-Credentials", "never with *")
}

func TestPreflights(t *testing.T) {
	h, _ := shared(t, desk1)
	for name, c := range map[string]struct {
		target, origin, method, headers string
		status                          int
		allowed                         bool
	}{
		"events":                  {"/events", desk1, "GET", "authorization", http.StatusNoContent, true},
		"only the head":           {"/events", desk1, "HEAD", "", http.StatusNoContent, true},
		"the stream, resumed":     {"/events/stream", desk1, "GET", "authorization,last-event-id", http.StatusNoContent, true},
		"one incident":            {"/incidents/" + incidentText, desk1, "GET", "authorization", http.StatusNoContent, true},
		"a header that is not":    {"/events", desk1, "GET", "x-secret", http.StatusNoContent, false},
		"another origin":          {"/events", elsewhere, "GET", "", http.StatusMethodNotAllowed, false},
		"no origin":               {"/events", "", "GET", "", http.StatusMethodNotAllowed, false},
		"a page in a sandbox":     {"/events", "null", "GET", "", http.StatusMethodNotAllowed, false},
		"an alert":                {"/alerts", desk1, "POST", "content-type", http.StatusMethodNotAllowed, false},
		"an acknowledgement":      {"/incidents/" + incidentText + "/acknowledge", desk1, "POST", "authorization", http.StatusMethodNotAllowed, false},
		"to read what only takes": {"/alerts", desk1, "GET", "", http.StatusMethodNotAllowed, false},
		"another method":          {"/events", desk1, "DELETE", "", http.StatusMethodNotAllowed, false},
		"no method":               {"/events", desk1, "", "", http.StatusMethodNotAllowed, false},
		"nothing there":           {"/nothing", desk1, "GET", "", http.StatusNotFound, false},
	} {
		t.Run(name, func(t *testing.T) {
			header := []string{}
			for field, value := range map[string]string{
				"Origin": c.origin, "Access-Control-Request-Method": c.method, "Access-Control-Request-Headers": c.headers,
			} {
				if value != "" {
					header = append(header, field, value)
				}
			}
			a := h.on(t).do(http.MethodOptions, c.target, "", header...)
			require.Equal(t, c.status, a.status, a.body)
			if c.status != http.StatusNoContent {
				requireProblem(t, a, c.status)
			}
			if !c.allowed {
				require.Empty(t, a.sharing())
				return
			}
			require.Empty(t, a.body, "it says nothing else")
			require.Equal(t, c.origin, a.header.Get("Access-Control-Allow-Origin"))
			require.Equal(t, c.method, a.header.Get("Access-Control-Allow-Methods"))
			require.Equal(t, c.headers, a.header.Get("Access-Control-Allow-Headers"))
			require.Equal(t, "true", a.header.Get("Access-Control-Allow-Credentials"))
			require.Equal(t, "600", a.header.Get("Access-Control-Max-Age"))
			require.Contains(t, strings.Join(a.header.Values("Vary"), ", "), "Origin")
		})
	}
}

func TestOtherOriginsMayNotChangeAnything(t *testing.T) {
	h, tokens := shared(t, desk1)
	for _, row := range h.api.Routes() {
		if row.Changes() {
			a := h.do(row.Method, row.Pattern, "{}", "Authorization", tokens[access.RoleAdmin], "Origin", desk1, "Sec-Fetch-Site", "cross-site")
			requireProblem(t, a, http.StatusForbidden)
			require.Empty(t, a.sharing())
		}
	}
}

func TestListedOriginReadsTheStream(t *testing.T) {
	h, tokens := shared(t, desk1)
	server := h.serve()
	r := listen(t, server, "", "Authorization", tokens[access.RoleRead], "Origin", desk1)
	require.Equal(t, desk1, r.header.Get("Access-Control-Allow-Origin"))
	h.register("s")
	require.Equal(t, "alert", r.next().event)
}

func TestReloadChangesOrigins(t *testing.T) {
	h, _ := shared(t, desk1)
	h.settings.AllowedOrigins = []string{elsewhere, "https://ALERTS.example.com:443"}
	h.api.Reconfigure(h.settings)
	require.Empty(t, h.do(http.MethodGet, "/healthz", "", "Origin", desk1).sharing())
	require.NotEmpty(t, h.do(http.MethodGet, "/healthz", "", "Origin", elsewhere).sharing())
	require.NotEmpty(t, h.do(http.MethodGet, "/healthz", "", "Origin", "https://alerts.example.com").sharing(), "as browsers write it")
	h.settings.AllowedOrigins = nil
	h.api.Reconfigure(h.settings)
	require.Empty(t, h.do(http.MethodGet, "/healthz", "", "Origin", elsewhere).sharing())
}

func TestEveryAnswerTellsBrowsersWhatNotToDo(t *testing.T) {
	h := newHarness(t, panics, func(c *httpapi.Config) { c.MaxBody = 10 })
	for name, a := range map[string]answer{
		"an answer":      h.get("/events"),
		"an error":       h.get("/events?limit=x"),
		"a panic":        h.get("/config"),
		"nothing there":  h.get("/nothing"),
		"another method": h.do(http.MethodPut, "/events", ""),
		"too large":      h.post(breach),
		"metrics":        h.get("/metrics"),
		"an asset":       h.get("/assets/nothing"),
		"the page":       h.get("/docs"),
		"no asset":       h.get("/docs/nothing"),
		"only the head":  h.do(http.MethodHead, "/events", ""),
		"the stream":     h.do(http.MethodHead, "/events/stream", ""),
	} {
		policy := a.header.Get("Content-Security-Policy")
		for _, directive := range []string{"default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} {
			require.Contains(t, policy, directive, name)
		}
		require.Equal(t, name == "the page", strings.Contains(policy, "script-src"), name)
		require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"), name)
		require.Equal(t, "no-referrer", a.header.Get("Referrer-Policy"), name)
		require.Equal(t, "same-origin", a.header.Get("Cross-Origin-Resource-Policy"), name)
		require.Empty(t, a.header.Get("Strict-Transport-Security"), name)
	}
}

func TestTLSStaysTLS(t *testing.T) {
	server := httptest.NewTLSServer(newHarness(t).api.Handler())
	t.Cleanup(server.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/nothing", nil)
	require.NoError(t, err)
	response, err := server.Client().Do(request) //nolint:bodyclose // readAll closes it
	require.NoError(t, err)
	readAll(t, response.Body)
	require.Equal(t, "max-age=31536000", response.Header.Get("Strict-Transport-Security"))
}
