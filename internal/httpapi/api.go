package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"alertd/internal/alerting"
	"alertd/internal/metrics"
)

// BuildInfo says which alertd this is.
type BuildInfo struct {
	Version   string `json:"version"`
	Commit    string `json:"commit"`
	BuiltAt   string `json:"built_at,omitempty"`
	GoVersion string `json:"go_version"`
}

// Config holds what the API needs. All fields are required unless they say
// otherwise.
type Config struct {
	Manager *alerting.Manager
	// Registry is where the API's own metrics go and what /metrics shows.
	Registry *prometheus.Registry
	Logger   *slog.Logger
	// AccessLog gets the record of each request that alertd answered as it should;
	// nil stands for Logger, which gets the others.
	AccessLog *slog.Logger
	Build     BuildInfo
	// MaxBody is the largest request body in bytes; 0 stands for 8 MiB.
	MaxBody int64
	// MaxStreams is how many event streams may be open; 0 stands for 256.
	MaxStreams int
	// StreamHeartbeat is the time between two comments on a stream on which
	// nothing else happens; 0 stands for 15 s.
	StreamHeartbeat time.Duration
	// WriteTimeout bounds one write to a stream; 0 stands for 30 s.
	WriteTimeout time.Duration
	// LogReady says why the event log takes no events, if so. Its error is an
	// [*alerting.Error]. nil stands for a log that always does.
	LogReady func() error
	// EngineReady says why incidents are not kept and nobody is told, if so. Its error
	// is an [*alerting.Error]. nil stands for an engine that always works.
	EngineReady func() error
	// Incidents and Deliveries are what there is beyond events. Without both of them
	// there is nothing but events.
	Incidents  Incidents
	Deliveries Deliveries
	// EffectiveConfig returns what GET /config shows, without secrets.
	EffectiveConfig func() map[string]any
	// Reload reads the configuration again and returns the keys whose change
	// takes effect only after a restart. If what is wrong can be told by field,
	// the error has a method FieldErrors() []alerting.FieldError.
	Reload func(ctx context.Context) (restartRequired []string, err error)
}

// API is the HTTP API.
type API struct {
	config  Config
	router  chi.Router
	metrics *metrics.HTTP
	origins *http.CrossOriginProtection
	started time.Time

	streams     atomic.Int64
	closing     chan struct{} // closed when shutting down
	closingOnce sync.Once
}

// New returns the API. It registers its metrics with the config's registry.
func New(config Config) (*API, error) {
	if config.Manager == nil || config.Registry == nil || config.Logger == nil || config.EffectiveConfig == nil || config.Reload == nil ||
		config.Incidents == nil || config.Deliveries == nil {
		return nil, errors.New("httpapi: Manager, Registry, Logger, Incidents, Deliveries, EffectiveConfig and Reload are required")
	}
	if config.AccessLog == nil {
		config.AccessLog = config.Logger
	}
	if config.LogReady == nil {
		config.LogReady = func() error { return nil }
	}
	if config.EngineReady == nil {
		config.EngineReady = func() error { return nil }
	}
	setDefault(&config.MaxBody, 8<<20)
	setDefault(&config.MaxStreams, 256)
	setDefault(&config.StreamHeartbeat, 15*time.Second)
	setDefault(&config.WriteTimeout, 30*time.Second)
	a := &API{
		config: config, metrics: metrics.NewHTTP(config.Registry), origins: http.NewCrossOriginProtection(),
		started: time.Now(), closing: make(chan struct{}),
	}
	err := config.Registry.Register(metrics.NewStreams(func() int { return int(a.streams.Load()) }))
	if err != nil {
		return nil, err
	}
	a.router = a.routes()
	return a, nil
}

func setDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

// Handler returns the whole API as one handler.
func (a *API) Handler() http.Handler { return a.router }

// Routes returns the routes, for tests that compare them with the contract.
func (a *API) Routes() chi.Routes { return a.router }

// Shutdown makes the API say that it is not ready and ends the open streams.
// Requests under way go on. It returns at once and may be called repeatedly.
func (a *API) Shutdown() { a.closingOnce.Do(func() { close(a.closing) }) }

func (a *API) shuttingDown() bool {
	select {
	case <-a.closing:
		return true
	default:
		return false
	}
}

func (a *API) routes() chi.Router {
	r := chi.NewRouter()
	add := func(method, pattern string, h handler) {
		r.Method(method, pattern, &route{api: a, pattern: pattern, handle: h, metrics: a.metrics.Route(method, pattern)})
	}
	get := func(pattern string, h handler) {
		add(http.MethodGet, pattern, h)
		add(http.MethodHead, pattern, h)
	}
	post := func(pattern string, h handler) { add(http.MethodPost, pattern, a.sameOrigin(h)) }
	get("/", redirectToDocs)
	post("/alerts", a.postAlerts)
	get("/events", a.getEvents)
	get("/events/stream", a.streamEvents)
	get("/events/{event_id}", a.getEvent)
	get("/incidents", a.getIncidents)
	get("/incidents/{incident_id}", a.getIncident)
	post("/incidents/{incident_id}/acknowledge", a.postAcknowledge)
	post("/incidents/{incident_id}/resolve", a.postResolve)
	get("/channels", a.getChannels)
	post("/channels/{name}/test", a.postTest)
	get("/deliveries", a.getDeliveries)
	get("/deliveries/{delivery_id}", a.getDelivery)
	post("/deliveries/{delivery_id}/retry", a.postRetry)
	get("/stats", a.getStats)
	get("/metrics", a.metricsHandler())
	get("/healthz", a.getHealthz)
	get("/readyz", a.getReadyz)
	get("/version", a.getVersion)
	get("/config", a.getConfig)
	post("/-/reload", a.postReload)
	get("/openapi.yaml", getOpenAPI)
	get("/docs", getDocs)
	get("/docs/{asset}", getDocs)
	r.NotFound((&route{api: a, pattern: unmatched, handle: notFound}).ServeHTTP)
	r.MethodNotAllowed((&route{api: a, pattern: unmatched, handle: a.methodNotAllowed}).ServeHTTP)
	return r
}
