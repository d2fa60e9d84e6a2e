package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"alertd/internal/alerting"
	"alertd/internal/dashboard"
	"alertd/internal/metrics"
	"alertd/internal/openid"
	"alertd/internal/session"
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
	// Changed returns a channel that is closed by the next change that no event tells of.
	Changed func() <-chan struct{}
	// Registry is where the API's own metrics go and what /metrics shows.
	Registry *prometheus.Registry
	// Refusals counts the callers that the API turns away.
	Refusals *metrics.Refusals
	Logger   *slog.Logger
	Build    BuildInfo
	// Settings are in force until [API.Reconfigure] changes them.
	Settings Settings
	// MaxBody is the largest request body in bytes; 0 stands for 8 MiB.
	MaxBody int64
	// MaxStreams is how many event streams may be open; 0 stands for 256.
	MaxStreams int
	// MaxSearches is how many requests may search the database at once; 0 stands for 4.
	MaxSearches int
	// SearchTimeout bounds one search; 0 stands for 10 s.
	SearchTimeout time.Duration
	// StreamHeartbeat is the time between two comments on a stream on which
	// nothing else happens; 0 stands for 15 s.
	StreamHeartbeat time.Duration
	// WriteTimeout bounds one write to a stream; 0 stands for 30 s.
	WriteTimeout time.Duration
	// Ready is what must work for alertd to be ready, beside accepting requests.
	Ready []ReadyCheck
	// What the routes about incidents, deliveries and channels read and do.
	Incidents       IncidentReader
	EventIncidents  EventIncidents
	EventCounts     EventCounter
	IncidentActions IncidentActions
	Silences        Silences
	Explainer       Explainer
	Noise           NoiseReader
	Deliveries      DeliveryReader
	Retries         Retrier
	Channels        ChannelReader
	ChannelTests    ChannelTester
	Heartbeats      Heartbeats
	Audit           AuditReader
	Credentials     CredentialLog
	// Sessions are those of people in a browser, and AuditLog has who signs in and out.
	Sessions *session.Sessions
	AuditLog AuditLog
	// OpenID is the provider by which people can sign in; nil: there is none.
	OpenID *openid.Provider
	// EffectiveConfig returns what GET /config shows, without secrets.
	EffectiveConfig func() map[string]any
	// Reload reads the configuration again and returns the keys whose change
	// takes effect only after a restart. If what is wrong can be told by field,
	// the error has a method FieldErrors() []alerting.FieldError.
	Reload func(ctx context.Context) (restartRequired []string, err error)
}

// API is the HTTP API.
type API struct {
	config    Config
	router    chi.Router
	admin     chi.Router
	metrics   *metrics.HTTP
	settings  atomic.Pointer[inForce]
	searches  *searches
	login     *loginPage
	dashboard *dashboard.Dashboard
	started   time.Time
	// floodRecords bounds how many refused requests are logged: there may be any number of them.
	floodRecords *rate.Limiter

	rates       *rates
	streams     openStreams
	closing     chan struct{} // closed when shutting down
	closingOnce sync.Once
}

// floodRecords is how many records a second there are at most of requests that are too
// many, or refused to callers who are not known.
const floodRecords = 10

// New returns the API. It registers its metrics with the config's registry.
func New(config Config) (*API, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	setDefault(&config.MaxBody, 8<<20)
	setDefault(&config.MaxStreams, 256)
	setDefault(&config.MaxSearches, 4)
	setDefault(&config.SearchTimeout, 10*time.Second)
	setDefault(&config.StreamHeartbeat, 15*time.Second)
	setDefault(&config.WriteTimeout, 30*time.Second)
	a := &API{
		config: config, metrics: metrics.NewHTTP(config.Registry), searches: newSearches(config.MaxSearches, config.SearchTimeout),
		started: time.Now(), closing: make(chan struct{}),
		rates: newRates(config.Refusals), streams: openStreams{byClient: map[client]int{}},
		floodRecords: rate.NewLimiter(floodRecords, floodRecords),
	}
	a.Reconfigure(config.Settings)
	err := config.Registry.Register(metrics.NewStreams(a.streams.count))
	if err != nil {
		return nil, err
	}
	if a.login, err = newLoginPage(); err != nil {
		return nil, err
	}
	if a.dashboard, err = dashboard.New(); err != nil {
		return nil, err
	}
	if a.router, err = a.newRouter(a.Routes()); err != nil {
		return nil, err
	}
	if a.admin, err = a.newRouter(a.AdminRoutes()); err != nil {
		return nil, err
	}
	return a, nil
}

// complete reports which of the required fields is missing.
func (c *Config) complete() error {
	for _, field := range []struct {
		name    string
		missing bool
	}{
		{"Manager", c.Manager == nil},
		{"Changed", c.Changed == nil},
		{"Registry", c.Registry == nil},
		{"Refusals", c.Refusals == nil},
		{"Logger", c.Logger == nil},
		{"Incidents", c.Incidents == nil},
		{"EventIncidents", c.EventIncidents == nil},
		{"EventCounts", c.EventCounts == nil},
		{"IncidentActions", c.IncidentActions == nil},
		{"Silences", c.Silences == nil},
		{"Explainer", c.Explainer == nil},
		{"Noise", c.Noise == nil},
		{"Deliveries", c.Deliveries == nil},
		{"Retries", c.Retries == nil},
		{"Channels", c.Channels == nil},
		{"ChannelTests", c.ChannelTests == nil},
		{"Heartbeats", c.Heartbeats == nil},
		{"Audit", c.Audit == nil},
		{"Credentials", c.Credentials == nil},
		{"Sessions", c.Sessions == nil},
		{"AuditLog", c.AuditLog == nil},
		{"EffectiveConfig", c.EffectiveConfig == nil},
		{"Reload", c.Reload == nil},
	} {
		if field.missing {
			return fmt.Errorf("httpapi: %s is required", field.name)
		}
	}
	return nil
}

func setDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

// Handler returns the whole API as one handler, without the profiles.
func (a *API) Handler() http.Handler { return a.router }

// AdminHandler returns what an admin listener has: metrics, health and profiles.
func (a *API) AdminHandler() http.Handler { return a.admin }

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
