package httpapi

import (
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"
	"github.com/rs/cors"

	"alertd/internal/metrics"
)

// anyOrigin among the allowed origins stands for all.
const anyOrigin = "*"

// newSharing returns what tells browsers which pages of other origins may read answers,
// or nil if none may. Credentials that a browser adds by itself, such as a session's cookie,
// are for listed origins only. A page that holds a token may send it in any case.
func newSharing(allowed []string) *cors.Cors {
	if len(allowed) == 0 {
		return nil
	}
	origins := make([]string, len(allowed))
	for i, origin := range allowed {
		origins[i] = originOf(origin)
	}
	options := cors.Options{
		AllowedMethods: []string{http.MethodGet, http.MethodHead},
		AllowedHeaders: []string{"Accept", "Authorization", "Cache-Control", "Last-Event-ID", "X-Request-Id"},
		ExposedHeaders: []string{"Retry-After", "WWW-Authenticate", "X-Request-Id"},
		MaxAge:         600,
	}
	if slices.Contains(allowed, anyOrigin) {
		options.AllowedOrigins = []string{anyOrigin}
	} else {
		// AllowedOrigins would be read as patterns.
		options.AllowOriginFunc = func(origin string) bool { return slices.Contains(origins, origin) }
		options.AllowCredentials = true
	}
	return cors.New(options)
}

// share adds to an answer who may read it. The origin "null" is that of any page that
// has none, such as one in a sandbox, so it stands for nobody.
func (s *inForce) share(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.sharing == nil, r.Method != http.MethodGet && r.Method != http.MethodHead:
	case r.Header.Get("Origin") == "null":
		w.Header().Add("Vary", "Origin")
	default:
		s.sharing.HandlerFunc(w, r)
	}
}

// preflight answers a browser that asks whether a page of another origin may send a
// request. It reports whether the answer is yes; otherwise nothing was answered.
func (a *API) preflight(w *response, r *http.Request, router chi.Router, path string) bool {
	asked, origin := r.Header.Get("Access-Control-Request-Method"), r.Header.Get("Origin")
	if r.Method != http.MethodOptions || asked == "" || origin == "" {
		return false
	}
	sharing := a.settings.Load().sharing
	reads := asked == http.MethodGet || asked == http.MethodHead
	if sharing == nil || !reads || origin == "null" || !sharing.OriginAllowed(r) || !router.Match(chi.NewRouteContext(), asked, path) {
		a.config.Refusals.Count(metrics.RefusedOrigin)
		return false
	}
	sharing.HandlerFunc(w, r)
	return true
}
