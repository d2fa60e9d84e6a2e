package httpapi_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// unzip returns the body of a compressed answer.
func unzip(tb testing.TB, a answer) string {
	tb.Helper()
	require.Equal(tb, "gzip", a.header.Get("Content-Encoding"))
	reader, err := gzip.NewReader(strings.NewReader(a.body))
	require.NoError(tb, err)
	return readAll(tb, io.NopCloser(reader))
}

func TestLargeAnswerIsCompressedWhereAccepted(t *testing.T) {
	h := newHarness(t)
	for range 10 {
		require.Equal(t, http.StatusCreated, h.post(breach).status)
	}
	for _, target := range []string{"/events", "/openapi.yaml", "/docs/redoc.standalone.js", "/metrics"} {
		plain := h.get(target)
		require.Empty(t, plain.header.Get("Content-Encoding"), target)
		require.Contains(t, plain.header.Values("Vary"), "Accept-Encoding", target)
		packed := h.do(http.MethodGet, target, "", "Accept-Encoding", "br, gzip;q=0.8, *;q=0.1")
		require.Equal(t, plain.status, packed.status)
		require.Equal(t, plain.header.Get("Content-Type"), packed.header.Get("Content-Type"))
		require.Contains(t, packed.header.Values("Vary"), "Accept-Encoding", target)
		require.Less(t, len(packed.body), len(plain.body), target)
		require.Empty(t, packed.header.Get("Content-Length"), target)
		if target == "/events" || target == "/openapi.yaml" { // the others change
			require.Equal(t, plain.body, unzip(t, packed), target)
		}
		for _, refusal := range []string{"", "identity", "br", "gzip;q=0", "deflate, gzip;q=0"} {
			a := h.do(http.MethodGet, target, "", "Accept-Encoding", refusal)
			require.Empty(t, a.header.Get("Content-Encoding"), "%s: %s", target, refusal)
		}
	}
}

func TestBatchAnswerIsCompressed(t *testing.T) {
	h := newHarness(t)
	a := h.post("["+strings.Repeat(breach+",", 19)+breach+"]", "Content-Type", asJSON, "Accept-Encoding", "gzip")
	require.Equal(t, http.StatusOK, a.status)
	require.Contains(t, unzip(t, a), `"registered":20`)
}

func TestSmallAnswerIsNotCompressed(t *testing.T) {
	h := newHarness(t)
	for _, a := range []answer{
		h.do(http.MethodGet, "/version", "", "Accept-Encoding", "gzip"), h.do(http.MethodGet, "/nothing", "", "Accept-Encoding", "gzip"),
		h.post(breach, "Accept-Encoding", "gzip"), h.post("{}", "Accept-Encoding", "gzip"),
	} {
		require.Empty(t, a.header.Get("Content-Encoding"))
		require.Equal(t, strconv.Itoa(len(a.body)), a.header.Get("Content-Length"))
	}
}

func TestHeadIsNotCompressed(t *testing.T) {
	h := newHarness(t)
	server := h.serve()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+"/openapi.yaml", nil)
	require.NoError(t, err)
	request.Header.Set("Accept-Encoding", "gzip")
	response, err := server.Client().Do(request) //nolint:bodyclose // readAll does
	require.NoError(t, err)
	require.Empty(t, readAll(t, response.Body))
	require.Empty(t, response.Header.Get("Content-Encoding"))
	require.Equal(t, int64(len(h.get("/openapi.yaml").body)), response.ContentLength)
}

func TestStreamIsNotCompressed(t *testing.T) {
	h := newHarness(t)
	server := h.serve()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/events/stream", nil)
	require.NoError(t, err)
	request.Header.Set("Accept-Encoding", "gzip")
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	require.Empty(t, response.Header.Get("Content-Encoding"))
	first := make([]byte, len("retry: 2000"))
	_, err = io.ReadFull(response.Body, first)
	require.NoError(t, err)
	require.Equal(t, "retry: 2000", string(first))
}

func TestMetricsNegotiateOpenMetrics(t *testing.T) {
	h := newHarness(t)
	require.Equal(t, http.StatusCreated, h.post(breach).status)
	a := h.do(http.MethodGet, "/metrics", "", "Accept", "application/openmetrics-text; version=1.0.0; charset=utf-8")
	require.Equal(t, http.StatusOK, a.status)
	require.True(t, strings.HasPrefix(a.header.Get("Content-Type"), "application/openmetrics-text; version=1.0.0"), a.header)
	require.True(t, strings.HasSuffix(a.body, "\n# EOF\n"))
	require.Contains(t, a.body, "# TYPE alertd_events counter\n")
	require.Contains(t, a.body, `alertd_events_total{category="risk_limit",severity="error"} 1.0`)

	for _, accept := range []string{"", "*/*", "text/plain", "text/plain, application/openmetrics-text;q=0.5"} {
		plain := h.do(http.MethodGet, "/metrics", "", "Accept", accept)
		require.True(t, strings.HasPrefix(plain.header.Get("Content-Type"), "text/plain; version=0.0.4"), accept)
		require.Contains(t, plain.body, "# TYPE alertd_events_total counter\n", accept)
	}
}
