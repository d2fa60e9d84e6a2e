package metrics_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"alertd/internal/metrics"
)

// newHTTP returns the metrics of requests on a registry of their own.
func newHTTP(tb testing.TB) (*metrics.HTTP, *prometheus.Registry) {
	tb.Helper()
	registry := prometheus.NewPedanticRegistry()
	return metrics.NewHTTP(registry), registry
}

func TestRequestsAreCountedByMethodPatternAndStatus(t *testing.T) {
	h, registry := newHTTP(t)
	post, get := h.Route(http.MethodPost, "/alerts"), h.Route(http.MethodGet, "/events/{event_id}")
	for range 3 {
		post.Observe(http.StatusCreated, time.Millisecond)
	}
	post.Observe(http.StatusUnprocessableEntity, time.Millisecond)
	post.Observe(499, time.Millisecond)
	get.Observe(http.StatusOK, time.Millisecond)
	require.Equal(t, map[string]float64{
		`alertd_http_requests_total{code="201",method="POST",route="/alerts"}`:           3,
		`alertd_http_requests_total{code="422",method="POST",route="/alerts"}`:           1,
		`alertd_http_requests_total{code="499",method="POST",route="/alerts"}`:           1,
		`alertd_http_requests_total{code="200",method="GET",route="/events/{event_id}"}`: 1,
		`alertd_http_request_duration_seconds{method="POST",route="/alerts"}`:            5,
		`alertd_http_request_duration_seconds{method="GET",route="/events/{event_id}"}`:  1,
	}, series(t, registry))
}

func TestRequestTimeIsInSeconds(t *testing.T) {
	h, registry := newHTTP(t)
	route := h.Route(http.MethodPost, "/alerts")
	for _, took := range []time.Duration{100 * time.Microsecond, 2 * time.Millisecond, 2 * time.Second, time.Minute} {
		route.Observe(http.StatusCreated, took)
	}
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP alertd_http_request_duration_seconds Time to answer a request, by method and route pattern; a stream's is how long it was open.
# TYPE alertd_http_request_duration_seconds histogram
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="0.0001"} 1
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="0.00025"} 1
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="0.0005"} 1
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="0.001"} 1
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="0.0025"} 2
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="0.005"} 2
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="0.01"} 2
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="0.025"} 2
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="0.05"} 2
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="0.1"} 2
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="0.25"} 2
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="0.5"} 2
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="1"} 2
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="2.5"} 3
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="5"} 3
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="10"} 3
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="30"} 3
alertd_http_request_duration_seconds_bucket{method="POST",route="/alerts",le="+Inf"} 4
alertd_http_request_duration_seconds_sum{method="POST",route="/alerts"} 62.0021
alertd_http_request_duration_seconds_count{method="POST",route="/alerts"} 4
`), "alertd_http_request_duration_seconds"))
}

func TestInvalidStatusCountsAs599(t *testing.T) {
	for _, code := range []int{-1, 0, 99, 600, 1 << 30} {
		h, registry := newHTTP(t)
		h.Route(http.MethodGet, "/stats").Observe(code, 0)
		h.ObserveUnmatched(http.MethodGet, code, 0)
		require.Equal(t, map[string]float64{
			`alertd_http_requests_total{code="599",method="GET",route="/stats"}`:    1,
			`alertd_http_requests_total{code="599",method="GET",route="unmatched"}`: 1,
		}, only(series(t, registry), "alertd_http_requests_total"), "%d", code)
	}
	h, registry := newHTTP(t)
	for _, code := range []int{100, 599} {
		h.Route(http.MethodGet, "/stats").Observe(code, 0)
	}
	require.Equal(t, map[string]float64{
		`alertd_http_requests_total{code="100",method="GET",route="/stats"}`: 1,
		`alertd_http_requests_total{code="599",method="GET",route="/stats"}`: 1,
	}, only(series(t, registry), "alertd_http_requests_total"), "the bounds are allowed")
}

func TestUnusedRouteHasNoSeries(t *testing.T) {
	h, registry := newHTTP(t)
	h.Route(http.MethodGet, "/stats")
	require.Empty(t, series(t, registry))
}

func TestUnmatchedRequestsShareOneSeries(t *testing.T) {
	h, registry := newHTTP(t)
	want := map[string]float64{}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"} {
		h.ObserveUnmatched(method, http.StatusNotFound, time.Millisecond)
		want[`alertd_http_requests_total{code="404",method="`+method+`",route="unmatched"}`] = 1
		want[`alertd_http_request_duration_seconds{method="`+method+`",route="unmatched"}`] = 1
	}
	unknown := []string{"", "get", "PROPFIND", "BREW", "GET ", "\xff", strings.Repeat("X", 10_000)}
	for _, method := range unknown {
		h.ObserveUnmatched(method, http.StatusMethodNotAllowed, time.Millisecond)
	}
	want[`alertd_http_requests_total{code="405",method="other",route="unmatched"}`] = float64(len(unknown))
	want[`alertd_http_request_duration_seconds{method="other",route="unmatched"}`] = float64(len(unknown))
	require.Equal(t, want, series(t, registry))
}

func TestConcurrentRequestsAreAllCounted(t *testing.T) {
	const workers, each = 8, 500
	h, registry := newHTTP(t)
	shared := h.Route(http.MethodPost, "/alerts")
	codes := []int{http.StatusCreated, http.StatusOK, http.StatusUnprocessableEntity, 0}
	start := make(chan struct{})
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			<-start
			own := h.Route(http.MethodPost, "/alerts") // of the same labels
			for i := range each {
				shared.Observe(codes[i%len(codes)], time.Millisecond)
				own.Observe(http.StatusCreated, time.Millisecond)
				h.ObserveUnmatched("BREW", http.StatusNotFound, time.Millisecond)
			}
		})
	}
	group.Go(func() { // a scrape sees whole numbers at any time
		<-start
		for range 20 {
			_, err := registry.Gather()
			if err != nil {
				t.Error(err)
			}
		}
	})
	close(start)
	group.Wait()
	const all = workers * each
	require.Equal(t, map[string]float64{
		`alertd_http_requests_total{code="201",method="POST",route="/alerts"}`:    all + all/4,
		`alertd_http_requests_total{code="200",method="POST",route="/alerts"}`:    all / 4,
		`alertd_http_requests_total{code="422",method="POST",route="/alerts"}`:    all / 4,
		`alertd_http_requests_total{code="599",method="POST",route="/alerts"}`:    all / 4,
		`alertd_http_requests_total{code="404",method="other",route="unmatched"}`: all,
		`alertd_http_request_duration_seconds{method="POST",route="/alerts"}`:     2 * all,
		`alertd_http_request_duration_seconds{method="other",route="unmatched"}`:  all,
	}, series(t, registry))
}

func TestObserveAllocatesNothing(t *testing.T) {
	h, _ := newHTTP(t)
	route := h.Route(http.MethodPost, "/alerts")
	route.Observe(http.StatusCreated, time.Millisecond)
	require.Zero(t, testing.AllocsPerRun(100, func() { route.Observe(http.StatusCreated, time.Millisecond) }))
}

func TestRequestMetricsAreRegisteredOnce(t *testing.T) {
	_, registry := newHTTP(t)
	require.Panics(t, func() { metrics.NewHTTP(registry) })
}

func TestStreamsAreCountedAtScrape(t *testing.T) {
	p := newParts(t)
	for _, open := range []int{0, 3, 1} {
		p.streams = open
		require.InDelta(t, open, series(t, p.registry)["alertd_streams"], 0)
	}
}

func TestBuildInfoHasTheVersion(t *testing.T) {
	require.Equal(t, map[string]float64{`alertd_build_info{commit="abc",goversion="go1.26",version="v1.2.3"}`: 1},
		only(series(t, newParts(t).registry), "alertd_build_info"))
}
