package httpapi

import (
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
)

// Need is what a caller must be allowed to do to use a route. Each need includes
// those before it.
type Need uint8

// The needs, from the least to the greatest.
const (
	// NeedNothing: anybody may ask, such as a load balancer or a reader of the docs.
	NeedNothing Need = iota + 1
	// NeedIngest: send alerts.
	NeedIngest
	// NeedRead: see events, incidents, deliveries and how alertd does.
	NeedRead
	// NeedOperator: act on incidents, deliveries and channels.
	NeedOperator
	// NeedAdmin: see and change how alertd works.
	NeedAdmin
)

// Route is one row of the table of routes. GET also answers HEAD.
type Route struct {
	Method string
	// Pattern is the path as chi and api/openapi.yaml write it.
	Pattern string
	Need    Need

	handle handler
	// streams says that the answer goes on until one side ends it.
	streams bool
	// encodes says that the handler compresses its answers itself.
	encodes bool
}

// Changes reports whether the route changes something.
func (r Route) Changes() bool { return r.Method != http.MethodGet }

// ByPerson reports whether the route changes something at a person's wish, not
// at that of a program that sends alerts.
func (r Route) ByPerson() bool { return r.Changes() && r.Need >= NeedOperator }

// Routes returns the table of routes.
func (a *API) Routes() []Route {
	get, post := http.MethodGet, http.MethodPost
	return []Route{
		{Method: get, Pattern: "/", Need: NeedNothing, handle: redirectToDocs},
		{Method: post, Pattern: "/alerts", Need: NeedIngest, handle: a.postAlerts},
		{Method: get, Pattern: "/events", Need: NeedRead, handle: a.getEvents},
		{Method: get, Pattern: "/events/stream", Need: NeedRead, handle: a.streamEvents, streams: true},
		{Method: get, Pattern: "/events/{event_id}", Need: NeedRead, handle: a.getEvent},
		{Method: get, Pattern: "/incidents", Need: NeedRead, handle: a.getIncidents},
		{Method: get, Pattern: "/incidents/{incident_id}", Need: NeedRead, handle: a.getIncident},
		{Method: post, Pattern: "/incidents/{incident_id}/acknowledge", Need: NeedOperator, handle: a.postAcknowledge},
		{Method: post, Pattern: "/incidents/{incident_id}/resolve", Need: NeedOperator, handle: a.postResolve},
		{Method: get, Pattern: "/channels", Need: NeedRead, handle: a.getChannels},
		{Method: post, Pattern: "/channels/{name}/test", Need: NeedOperator, handle: a.postTest},
		{Method: get, Pattern: "/deliveries", Need: NeedRead, handle: a.getDeliveries},
		{Method: get, Pattern: "/deliveries/{delivery_id}", Need: NeedRead, handle: a.getDelivery},
		{Method: post, Pattern: "/deliveries/{delivery_id}/retry", Need: NeedOperator, handle: a.postRetry},
		{Method: get, Pattern: "/stats", Need: NeedRead, handle: a.getStats},
		{Method: get, Pattern: "/metrics", Need: NeedRead, handle: a.metricsHandler(), encodes: true},
		{Method: get, Pattern: "/healthz", Need: NeedNothing, handle: a.getHealthz},
		{Method: get, Pattern: "/readyz", Need: NeedNothing, handle: a.getReadyz},
		{Method: get, Pattern: "/version", Need: NeedRead, handle: a.getVersion},
		{Method: get, Pattern: "/config", Need: NeedAdmin, handle: a.getConfig},
		{Method: post, Pattern: "/-/reload", Need: NeedAdmin, handle: a.postReload},
		{Method: get, Pattern: "/openapi.yaml", Need: NeedNothing, handle: getOpenAPI},
		{Method: get, Pattern: "/docs", Need: NeedNothing, handle: getDocs},
		{Method: get, Pattern: "/docs/{asset}", Need: NeedNothing, handle: getDocs},
	}
}

// compressFrom is how many bytes an answer has that is compressed for those who
// accept it.
const compressFrom = 1 << 10

// newRouter puts the table of routes into a router.
func (a *API) newRouter() (chi.Router, error) {
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(compressFrom), gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.EnableZstd(false))
	if err != nil {
		return nil, fmt.Errorf("compress answers: %w", err)
	}
	router := chi.NewRouter()
	for _, row := range a.Routes() {
		if row.Changes() {
			row.handle = a.sameOrigin(row.handle)
		}
		methods := []string{row.Method}
		if row.Method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		for _, method := range methods {
			var handler http.Handler = &endpoint{api: a, row: row, metrics: a.metrics.Route(method, row.Pattern)}
			if !row.streams && !row.encodes {
				handler = compress(handler)
			}
			router.Method(method, row.Pattern, handler)
		}
	}
	router.NotFound((&endpoint{api: a, row: Route{Pattern: unmatched, handle: notFound}}).ServeHTTP)
	router.MethodNotAllowed((&endpoint{api: a, row: Route{Pattern: unmatched, handle: a.methodNotAllowed}}).ServeHTTP)
	return router, nil
}
