package httpapi_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/alerting"
	"alertd/internal/httpapi"
)

// sink is a connection that takes everything and keeps the status.
type sink struct {
	header http.Header
	status int
	bytes  int64
}

func (s *sink) Header() http.Header    { return s.header }
func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(data []byte) (int, error) {
	s.bytes += int64(len(data))
	return len(data), nil
}

// bench asks for the same again and again of the whole handler, from the request
// that net/http has read to the answer that it is to write, with its log.
func (h *harness) bench(b *testing.B, method, target, body string, status int, header ...string) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, target, nil)
	require.NoError(b, err)
	r.RequestURI, r.RemoteAddr = target, "192.0.2.1:1234"
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	reader := strings.NewReader(body)
	r.Body, r.ContentLength = io.NopCloser(reader), int64(len(body))
	handler, w := h.api.Handler(), &sink{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		clear(w.header)
		w.bytes = 0
		handler.ServeHTTP(w, r)
	}
	require.Equal(b, status, w.status)
	b.SetBytes(max(w.bytes, int64(len(body)))) // of the larger half of the exchange
}

// logged writes its log as alertd does, to nowhere.
func logged(c *httpapi.Config) {
	c.Logger = slog.New(slog.NewJSONHandler(io.Discard, nil)) //nolint:sloglint // making a record is part of what is measured
}

// realistic returns an alert as risk components send them; its number makes it
// another one.
func realistic(i int) string {
	return fmt.Sprintf(`{"severity":"error","category":"risk_limit","source":"var_gate_%d","message":"VaR limit breached: 0.0500 > 0.0300","context":{"position":"BTC-EUR","current_var":0.05,"limit":0.03,"breach_pct":66.7}}`, i%50)
}

func BenchmarkPostAlert(b *testing.B) {
	newHarness(b, logged).bench(b, http.MethodPost, "/alerts", realistic(0), http.StatusCreated, "Content-Type", asJSON)
}

// BenchmarkMiddleware measures what a request costs around its handler, which does
// next to nothing.
func BenchmarkMiddleware(b *testing.B) {
	b.Run("get", func(b *testing.B) {
		newHarness(b, logged).bench(b, http.MethodGet, "/healthz", "", http.StatusOK)
	})
	b.Run("get, compression accepted", func(b *testing.B) {
		newHarness(b, logged).bench(b, http.MethodGet, "/healthz", "", http.StatusOK, "Accept-Encoding", "gzip")
	})
	b.Run("post, logged", func(b *testing.B) {
		newHarness(b, logged).bench(b, http.MethodPost, "/-/reload", "", http.StatusOK)
	})
}

// BenchmarkGuard measures what it costs to know a caller, around a handler that does next to
// nothing.
func BenchmarkGuard(b *testing.B) {
	b.Run("nobody is configured", func(b *testing.B) {
		newHarness(b, logged).bench(b, http.MethodGet, "/version", "", http.StatusOK)
	})
	directory, tokens := tokensOfRoles(b)
	guarded := func(c *httpapi.Config) { c.Settings.Access = directory }
	b.Run("token", func(b *testing.B) {
		newHarness(b, logged, guarded).bench(b, http.MethodGet, "/version", "", http.StatusOK, "Authorization", tokens[access.RoleRead])
	})
}

func BenchmarkPostBatch(b *testing.B) {
	const size = 1000
	alerts := make([]string, size)
	for i := range alerts {
		alerts[i] = realistic(i)
	}
	for _, form := range []struct{ name, contentType, body string }{
		{"array", asJSON, "[" + strings.Join(alerts, ",") + "]"},
		{"ndjson", asNDJSON, strings.Join(alerts, "\n")},
	} {
		b.Run(fmt.Sprintf("%s/alerts=%d", form.name, size), func(b *testing.B) {
			h := newHarness(b, logged)
			h.bench(b, http.MethodPost, "/alerts", form.body, http.StatusOK, "Content-Type", form.contentType)
			require.Zero(b, h.manager.Stats().SinceStart.Rejected)
			b.ReportMetric(float64(b.N)*size/b.Elapsed().Seconds(), "alerts/s")
		})
	}
}

// filledHarness returns an API with n events in its buffer.
func filledHarness(b *testing.B, n int) *harness {
	b.Helper()
	h := newHarness(b, logged)
	require.NoError(b, h.manager.Reconfigure(alerting.Config{MinSeverity: alerting.SeverityInfo, BufferSize: n}))
	var lines bytes.Buffer
	for sent := 0; sent < n; sent += 1000 {
		lines.Reset()
		for i := range min(1000, n-sent) {
			lines.WriteString(realistic(i) + "\n")
		}
		require.Equal(b, http.StatusOK, h.post(lines.String(), "Content-Type", asNDJSON).status)
	}
	require.Equal(b, n, h.manager.Count())
	return h
}

func BenchmarkGetEvents(b *testing.B) {
	for _, size := range []int{1_000, 100_000} {
		h := filledHarness(b, size)
		for _, query := range []struct{ name, query string }{
			{"all", ""},
			{"source=1/50", "&source=var_gate_7"},
			{"q", "&q=BREACHED"},
		} {
			b.Run(fmt.Sprintf("buffer=%d/%s", size, query.name), func(b *testing.B) {
				h.bench(b, http.MethodGet, "/events?limit=100"+query.query, "", http.StatusOK)
			})
		}
		page, err := h.manager.QueryEvents(b.Context(), alerting.Query{Limit: 100})
		require.NoError(b, err)
		h.desk.fold(page.Events...)
		b.Run(fmt.Sprintf("buffer=%d/with incidents", size), func(b *testing.B) {
			h.bench(b, http.MethodGet, "/events?limit=100", "", http.StatusOK)
		})
	}
}

func BenchmarkGetStats(b *testing.B) {
	for _, size := range []int{1_000, 100_000} {
		h := filledHarness(b, size)
		b.Run(fmt.Sprintf("buffer=%d", size), func(b *testing.B) {
			h.bench(b, http.MethodGet, "/stats", "", http.StatusOK)
		})
	}
}
