package httpapi

import (
	"io/fs"
	"net/http"
	"path"

	"github.com/go-chi/chi/v5"

	"alertd/api"
)

func getOpenAPI(w *response, _ *http.Request) error {
	w.send(http.StatusOK, "application/yaml", api.OpenAPI())
	return nil
}

// getDocs serves the readable page of the contract and its assets. The page
// loads nothing from other hosts, and its policy forbids it.
func getDocs(w *response, r *http.Request) error {
	name := chi.URLParam(r, "asset")
	if name == "" {
		name = "index.html"
	}
	content, err := fs.ReadFile(api.Docs(), name)
	if err != nil {
		return notFound(w, r)
	}
	header := w.Header()
	header.Set("Content-Security-Policy", api.DocsPolicy)
	header.Set("Cache-Control", "no-cache")
	w.send(http.StatusOK, contentTypeOf(name), content)
	return nil
}

// contentTypeOf returns the content type of a file of the page. Package mime
// would depend on the machine's own tables.
func contentTypeOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	default: // the licences
		return "text/plain; charset=utf-8"
	}
}
