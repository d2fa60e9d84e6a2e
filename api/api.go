// Package api holds the contract of alertd's HTTP API, api/openapi.yaml, and a
// page that makes it readable. Both are embedded in the binary.
package api

import (
	"embed"
	"io/fs"
)

//go:embed openapi.yaml
var openapi []byte

//go:embed docs/index.html docs/docs.js docs/docs.css docs/redoc.standalone.js docs/LICENSE.redoc.txt
var docs embed.FS

// DocsPolicy is the Content-Security-Policy of the page: everything comes from
// alertd itself. The renderer makes style elements and a worker of its own.
const DocsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// OpenAPI returns the document, OpenAPI 3.1 in YAML. It must not be changed.
func OpenAPI() []byte { return openapi }

// Docs returns the files of the page: index.html and what it loads.
func Docs() fs.FS {
	files, err := fs.Sub(docs, "docs")
	if err != nil {
		panic(err) // the name is a constant and embedded
	}
	return files
}
