package httpapi

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"
	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"

	"alertd/internal/access"
	"alertd/internal/dashboard"
)

// Route is one row of the table of routes. GET also answers HEAD.
type Route struct {
	Method string
	// Pattern is the path as chi and api/openapi.yaml write it.
	Pattern string
	Need    access.Need

	handle handler
	// streams says that the answer goes on until one side ends it.
	streams bool
	// probes says that a load balancer asks here whether alertd works. It is answered
	// whatever others do behind the same address: that costs next to nothing.
	probes bool
	// encodes says that the handler compresses its answers itself.
	encodes bool
	// asks says that a POST only asks for something: what it asks about does not fit into a query.
	asks bool
	// page says that a browser that goes there gets a page of the dashboard: what is at the
	// address for programs is what the page shows.
	page bool
	// watches says that those who watch over alertd ask here, so that the admin listener has
	// it, too.
	watches bool
}

// Changes reports whether the route changes something.
func (r Route) Changes() bool { return r.Method != http.MethodGet && !r.asks }

// ByPerson reports whether the route changes something at a person's wish, not
// at that of a program that sends alerts.
func (r Route) ByPerson() bool { return r.Changes() && r.Need != access.NeedIngest }

// Routes returns the table of routes, except for those that only the admin listener has.
func (a *API) Routes() []Route {
	get, post, remove := http.MethodGet, http.MethodPost, http.MethodDelete
	return []Route{
		{Method: get, Pattern: "/", Need: access.NeedNothing, handle: a.getPage},
		{Method: get, Pattern: dashboard.Prefix + "*", Need: access.NeedNothing, handle: a.getAsset},
		{Method: get, Pattern: "/login", Need: access.NeedNothing, handle: a.getLogin},
		{Method: post, Pattern: "/login", Need: access.NeedNothing, handle: a.postLogin},
		{Method: get, Pattern: "/login/oidc", Need: access.NeedNothing, handle: a.getLoginStart},
		{Method: get, Pattern: "/login/callback", Need: access.NeedNothing, handle: a.getLoginCallback},
		{Method: post, Pattern: "/logout", Need: access.NeedNothing, handle: a.postLogout},
		{Method: get, Pattern: "/whoami", Need: access.NeedKnown, handle: a.getWhoAmI},
		{Method: post, Pattern: "/alerts", Need: access.NeedIngest, handle: a.postAlerts},
		{Method: get, Pattern: "/events", Need: access.NeedRead, handle: a.getEvents, page: true},
		{Method: get, Pattern: "/events/histogram", Need: access.NeedRead, handle: a.getHistogram},
		{Method: get, Pattern: "/events/stream", Need: access.NeedRead, handle: a.streamEvents, streams: true},
		{Method: get, Pattern: "/events/{event_id}", Need: access.NeedRead, handle: a.getEvent, page: true},
		{Method: get, Pattern: "/incidents", Need: access.NeedRead, handle: a.getIncidents, page: true},
		{Method: get, Pattern: "/incidents/{incident_id}", Need: access.NeedRead, handle: a.getIncident, page: true},
		{Method: post, Pattern: "/incidents/acknowledge", Need: access.NeedOperator, handle: a.postAcknowledgeAll},
		{Method: post, Pattern: "/incidents/resolve", Need: access.NeedOperator, handle: a.postResolveAll},
		{Method: post, Pattern: "/incidents/{incident_id}/acknowledge", Need: access.NeedOperator, handle: a.postAcknowledge},
		{Method: post, Pattern: "/incidents/{incident_id}/resolve", Need: access.NeedOperator, handle: a.postResolve},
		{Method: get, Pattern: "/silences", Need: access.NeedRead, handle: a.getSilences, page: true},
		{Method: post, Pattern: "/silences", Need: access.NeedOperator, handle: a.postSilence},
		{Method: post, Pattern: "/silences/preview", Need: access.NeedRead, handle: a.postSilencePreview, asks: true},
		{Method: get, Pattern: "/silences/{silence_id}", Need: access.NeedRead, handle: a.getSilence, page: true},
		{Method: remove, Pattern: "/silences/{silence_id}", Need: access.NeedOperator, handle: a.deleteSilence},
		{Method: get, Pattern: "/explain", Need: access.NeedNothing, handle: a.getPage},
		{Method: post, Pattern: "/explain", Need: access.NeedRead, handle: a.postExplain, asks: true},
		{Method: get, Pattern: "/channels", Need: access.NeedRead, handle: a.getChannels, page: true},
		{Method: post, Pattern: "/channels/{name}/test", Need: access.NeedOperator, handle: a.postTest},
		{Method: get, Pattern: "/heartbeats", Need: access.NeedRead, handle: a.getHeartbeats, page: true},
		{Method: post, Pattern: "/heartbeats/{name}", Need: access.NeedIngest, handle: a.postHeartbeat},
		{Method: get, Pattern: "/deliveries", Need: access.NeedRead, handle: a.getDeliveries},
		{Method: get, Pattern: "/deliveries/{delivery_id}", Need: access.NeedRead, handle: a.getDelivery},
		{Method: post, Pattern: "/deliveries/{delivery_id}/retry", Need: access.NeedOperator, handle: a.postRetry},
		{Method: get, Pattern: "/stats", Need: access.NeedRead, handle: a.getStats},
		{Method: get, Pattern: "/metrics", Need: access.NeedRead, handle: a.metricsHandler(), encodes: true, watches: true},
		{Method: get, Pattern: "/healthz", Need: access.NeedNothing, handle: a.getHealthz, probes: true, watches: true},
		{Method: get, Pattern: "/readyz", Need: access.NeedNothing, handle: a.getReadyz, probes: true, watches: true},
		{Method: get, Pattern: "/version", Need: access.NeedRead, handle: a.getVersion},
		{Method: get, Pattern: "/config", Need: access.NeedAdmin, handle: a.getConfig, page: true},
		{Method: get, Pattern: "/audit", Need: access.NeedAdmin, handle: a.getAudit, page: true},
		{Method: post, Pattern: "/-/reload", Need: access.NeedAdmin, handle: a.postReload},
		{Method: get, Pattern: "/openapi.yaml", Need: access.NeedNothing, handle: getOpenAPI},
		{Method: get, Pattern: "/docs", Need: access.NeedNothing, handle: getDocs},
		{Method: get, Pattern: "/docs/{asset}", Need: access.NeedNothing, handle: getDocs},
	}
}

// compressFrom is how many bytes an answer has that is compressed for those who
// accept it.
const compressFrom = 1 << 10

// AdminRoutes returns the table of the routes on the admin listener: those of [API.Routes]
// for those who watch over alertd, and the profiles.
func (a *API) AdminRoutes() []Route {
	return append(slices.DeleteFunc(a.Routes(), func(r Route) bool { return !r.watches }), profiles()...)
}

// newRouter puts a table of routes into a router.
func (a *API) newRouter(rows []Route) (chi.Router, error) {
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(compressFrom), gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.EnableZstd(false))
	if err != nil {
		return nil, fmt.Errorf("compress answers: %w", err)
	}
	router := chi.NewRouter()
	for _, row := range rows {
		methods := []string{row.Method}
		if row.Method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		for _, method := range methods {
			var handler http.Handler = &endpoint{api: a, row: row, metrics: a.metrics.Route(method, row.Pattern)}
			if row.page {
				handler = a.orPage(&endpoint{api: a, row: Route{Method: row.Method, Pattern: row.Pattern, Need: access.NeedNothing, handle: a.getPage}, metrics: a.metrics.Route(method, row.Pattern)}, handler)
			}
			if !row.streams && !row.encodes {
				handler = compress(handler)
			}
			router.Method(method, row.Pattern, handler)
		}
	}
	router.NotFound((&endpoint{api: a, row: Route{Method: http.MethodGet, Pattern: unmatched, Need: access.NeedNothing, handle: notFound}}).ServeHTTP)
	router.MethodNotAllowed((&endpoint{api: a, row: Route{Method: http.MethodGet, Pattern: unmatched, Need: access.NeedNothing, handle: a.methodNotAllowed(router)}}).ServeHTTP)
	return router, nil
}
