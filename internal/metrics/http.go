package metrics

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Label values for what has no value of its own, so that input from outside
// never makes a series.
const (
	unmatchedRoute = "unmatched"
	otherMethod    = "other"
)

// HTTP counts and times requests.
type HTTP struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewHTTP registers the metrics of requests. It panics if they are registered
// already, which is a mistake in the program.
func NewHTTP(registry prometheus.Registerer) *HTTP {
	h := &HTTP{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "alertd_http_requests_total",
			Help: "Requests answered, by method, route pattern and status; 499: the client went away.",
		}, []string{"method", "route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "alertd_http_request_duration_seconds",
			Help:    "Time to answer a request, by method and route pattern; a stream's is how long it was open.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "route"}),
	}
	registry.MustRegister(h.requests, h.duration)
	return h
}

// Route is one route's metrics. Its labels are looked up once, at the first
// request. Safe for concurrent use.
type Route struct {
	http          *HTTP
	method, route string
	once          sync.Once
	duration      prometheus.Observer
	codes         [maxCode - minCode]atomic.Pointer[prometheus.Counter]
}

const minCode, maxCode = 100, 600

// Route returns the metrics of a route, which is a pattern and never a path.
func (h *HTTP) Route(method, route string) *Route {
	return &Route{http: h, method: method, route: route}
}

// Observe counts one request with a status from 100 to 599; any other counts
// as 599.
func (r *Route) Observe(code int, took time.Duration) {
	r.once.Do(func() { r.duration = r.http.duration.WithLabelValues(r.method, r.route) })
	r.duration.Observe(took.Seconds())
	code = bounded(code)
	counter := r.codes[code-minCode].Load()
	if counter == nil {
		resolved := r.http.requests.WithLabelValues(r.method, r.route, strconv.Itoa(code))
		counter = &resolved
		r.codes[code-minCode].Store(counter)
	}
	(*counter).Inc()
}

// bounded returns the status that a status counts as.
func bounded(code int) int {
	if code < minCode || code >= maxCode {
		return maxCode - 1
	}
	return code
}

// ObserveUnmatched counts one request that no route takes, its status as
// [Route.Observe] does. All their paths are one route, "unmatched", and all
// methods that HTTP does not know are "other". Safe for concurrent use.
func (h *HTTP) ObserveUnmatched(method string, code int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
	default:
		method = otherMethod
	}
	h.duration.WithLabelValues(method, unmatchedRoute).Observe(took.Seconds())
	h.requests.WithLabelValues(method, unmatchedRoute, strconv.Itoa(bounded(code))).Inc()
}

// NewStreams returns a gauge of the open event streams.
func NewStreams(open func() int) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "alertd_streams",
		Help: "Event streams that are open.",
	}, func() float64 { return float64(open()) })
}

// NewConnections returns a gauge of the open connections.
func NewConnections(open func() int) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "alertd_http_connections",
		Help: "Connections that are open, without those of administrators.",
	}, func() float64 { return float64(open()) })
}

// NewCertificate returns a gauge of when the TLS certificate in force expires.
func NewCertificate(expires func() time.Time) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "alertd_tls_certificate_expiry_timestamp_seconds",
		Help: "When the TLS certificate in force, or the first of its chain, expires.",
	}, func() float64 { return float64(expires().Unix()) })
}

// NewWatchdog returns a gauge of when the watchdog's last message has arrived, 0 if none has.
func NewWatchdog(lastSent func() time.Time) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "alertd_watchdog_last_sent_timestamp_seconds",
		Help: "When the last message of the watchdog arrived, 0 if none has.",
	}, func() float64 {
		at := lastSent()
		if at.IsZero() {
			return 0
		}
		return float64(at.UnixMilli()) / 1000
	})
}

// NewBuildInfo returns a gauge that is always 1 and says which alertd this is.
func NewBuildInfo(version, commit, goVersion string) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "alertd_build_info",
		Help:        "Which alertd this is; always 1.",
		ConstLabels: prometheus.Labels{"version": version, "commit": commit, "goversion": goVersion},
	})
	info.Set(1)
	return info
}
