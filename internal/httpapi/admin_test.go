package httpapi_test

import (
	"bufio"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
)

// through sends a request to one of the two handlers of an API.
func through(tb testing.TB, handler http.Handler, path, authorization string) *http.Response {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Result()
}

func TestAdminListenerHasWhatWatchesAlertdAndProfiles(t *testing.T) {
	h, _ := guarded(t)
	got := map[access.Need][]string{}
	for _, row := range h.api.AdminRoutes() {
		require.Equal(t, http.MethodGet, row.Method)
		got[row.Need] = append(got[row.Need], row.Pattern)
	}
	require.Len(t, got, 3)
	require.ElementsMatch(t, []string{"/healthz", "/readyz"}, got[access.NeedNothing])
	require.ElementsMatch(t, []string{"/metrics"}, got[access.NeedRead])
	require.ElementsMatch(t, []string{
		"/debug/pprof/", "/debug/pprof/{name}", "/debug/pprof/cmdline", "/debug/pprof/profile", "/debug/pprof/symbol", "/debug/pprof/trace",
	}, got[access.NeedAdmin])
}

func TestAdminListenerAsksForRolesAsTheOtherDoes(t *testing.T) {
	h, tokens := guarded(t)
	profiles := []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/goroutine?debug=1", "/debug/pprof/cmdline", "/debug/pprof/symbol"}
	for _, path := range append(profiles, "/metrics", "/healthz") {
		isProfile, isOpen := strings.HasPrefix(path, "/debug/"), path == "/healthz"
		for role, token := range map[access.Role]string{"": "", access.RoleRead: tokens[access.RoleRead], access.RoleAdmin: tokens[access.RoleAdmin]} {
			want := http.StatusForbidden
			switch {
			case isOpen, role == access.RoleAdmin, role == access.RoleRead && !isProfile:
				want = http.StatusOK
			case role == "":
				want = http.StatusUnauthorized
			}
			require.Equal(t, want, through(t, h.api.AdminHandler(), path, token).StatusCode, "%s, %q", path, role) //nolint:bodyclose // it is closed there
		}
		if isProfile {
			require.Equal(t, http.StatusNotFound, through(t, h.api.Handler(), path, tokens[access.RoleAdmin]).StatusCode, "%s on the other listener", path) //nolint:bodyclose // it is closed there
		}
	}
	require.Equal(t, http.StatusNotFound, through(t, h.api.AdminHandler(), "/events", tokens[access.RoleAdmin]).StatusCode)              //nolint:bodyclose // it is closed there
	require.Equal(t, http.StatusNotFound, through(t, h.api.AdminHandler(), "/debug/pprof/nothing", tokens[access.RoleAdmin]).StatusCode) //nolint:bodyclose // it is closed there
}

// The deadlines of the server are shorter than the profile takes.
func TestProfileTakesLongerThanRequestsMay(t *testing.T) {
	h := newHarness(t)
	server := httptest.NewUnstartedServer(h.api.AdminHandler())
	server.Config.ReadTimeout, server.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	server.Start()
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/debug/pprof/profile?seconds=1", nil)
	require.NoError(t, err)
	began := time.Now()
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	profile, err := gzip.NewReader(response.Body)
	require.NoError(t, err)
	content, err := io.ReadAll(profile)
	require.NoError(t, err)
	require.NotEmpty(t, content)
	require.GreaterOrEqual(t, time.Since(began), time.Second)
}

// A browser has the streams of all its tabs, and its other requests, on one connection.
func TestStreamsShareConnectionOfHTTP2(t *testing.T) {
	h := newHarness(t)
	server := httptest.NewUnstartedServer(h.api.Handler())
	server.EnableHTTP2 = true
	server.Config.WriteTimeout, server.Config.ReadTimeout = 300*time.Millisecond, 300*time.Millisecond
	var connections atomic.Int32
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	defer server.Close()
	get := func(path string) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		require.NoError(t, err)
		response, err := server.Client().Do(request)
		require.NoError(t, err)
		require.Equal(t, 2, response.ProtoMajor)
		t.Cleanup(func() { _ = response.Body.Close() })
		return response
	}
	var streams []*bufio.Scanner
	for range 3 {
		response := get("/events/stream") //nolint:bodyclose // it is closed there
		require.Empty(t, response.Header.Get("Connection"))
		streams = append(streams, bufio.NewScanner(response.Body))
	}
	longest := time.After(time.Second) // they outlive the deadlines of the server
	<-longest
	require.Equal(t, http.StatusCreated, h.post(breach).status)
	require.Equal(t, http.StatusOK, get("/stats").StatusCode) //nolint:bodyclose // it is closed there
	for _, s := range streams {
		var seen strings.Builder
		for s.Scan() && !strings.HasPrefix(s.Text(), "data: ") {
			seen.WriteString(s.Text() + "\n")
		}
		require.Contains(t, s.Text(), "VaR limit breached", seen.String())
	}
	require.Equal(t, int32(1), connections.Load())
	h.api.Shutdown()
	for _, s := range streams {
		var last string
		for s.Scan() {
			if s.Text() != "" {
				last = s.Text()
			}
		}
		require.NoError(t, s.Err(), "the stream ends in good order")
		require.Contains(t, last, "shutting down")
	}
}
