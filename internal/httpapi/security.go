package httpapi

import "net/http"

// The header fields for browsers that every answer has. A page that needs more than
// apiPolicy sets a policy of its own in their place. frame-ancestors stands for
// X-Frame-Options, too, which browsers then ignore. Cross-Origin-Resource-Policy does
// not get in the way of allowed origins: it is about what a page embeds without asking.
//
// The slices are shared: nothing changes a header's values in place.
var (
	apiPolicy   = []string{"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
	noReferrer  = []string{"no-referrer"}
	sameOrigin  = []string{"same-origin"}
	noSniff     = []string{"nosniff"}
	noStore     = []string{"no-store"}
	strictlyTLS = []string{"max-age=31536000"}
)

// secure adds the header fields for browsers to an answer.
func secure(header http.Header, r *http.Request) {
	header["Content-Security-Policy"] = apiPolicy
	header["Cross-Origin-Resource-Policy"] = sameOrigin
	header["Referrer-Policy"] = noReferrer
	header["X-Content-Type-Options"] = noSniff
	header["Cache-Control"] = noStore
	if r.TLS != nil { // over HTTP browsers ignore it
		header["Strict-Transport-Security"] = strictlyTLS
	}
}
