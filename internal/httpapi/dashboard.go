package httpapi

import (
	"net/http"
	"net/url"
	"strings"

	"alertd/internal/dashboard"
)

// getPage answers with the page of the dashboard, which is the same at each of its addresses:
// its script reads the address, and asks the API for what it shows. Strangers sign in first.
func (a *API) getPage(w *response, r *http.Request) error {
	if w.caller.Identity == nobody {
		return redirect(w, "/login?next="+url.QueryEscape(r.URL.RequestURI()))
	}
	header := w.Header()
	header.Set("Content-Security-Policy", dashboard.Policy)
	header.Set("Vary", "Accept")
	// Without a referrer browsers send the form that signs out with the origin null, which is refused.
	header.Set("Referrer-Policy", "same-origin")
	w.send(http.StatusOK, "text/html; charset=utf-8", a.dashboard.Page)
	return nil
}

// getAsset answers with what the page loads. The version is part of the address, so that a
// browser may keep it for good.
func (a *API) getAsset(w *response, r *http.Request) error {
	version, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, dashboard.Prefix), "/")
	asset, found := a.dashboard.Asset(name)
	if !found || version != a.dashboard.Version {
		return notFound(w, r)
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.send(http.StatusOK, asset.ContentType, asset.Content)
	return nil
}

// orPage gives the page to browsers that go to an address, and what is there to all others.
func (*API) orPage(page, other http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept")
		if wantsPage(r) {
			page.ServeHTTP(w, r)
		} else {
			other.ServeHTTP(w, r)
		}
	})
}

// wantsPage reports whether a request is that of a browser that goes to an address: only then does
// Accept name HTML, and no JSON.
func wantsPage(r *http.Request) bool {
	accept := strings.ToLower(strings.Join(r.Header["Accept"], ","))
	return strings.Contains(accept, "text/html") && !strings.Contains(accept, "json")
}
