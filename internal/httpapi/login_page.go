package httpapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"alertd/internal/access"
)

//go:embed login.html
var loginHTML string

//go:embed login.css
var loginCSS string

// loginPage makes the page on which people sign in and out. It has no script.
type loginPage struct {
	template *template.Template
	policy   string
}

func newLoginPage() (*loginPage, error) {
	parsed, err := template.New("login").Parse(loginHTML)
	if err != nil {
		return nil, fmt.Errorf("read login page: %w", err)
	}
	style := sha256.Sum256([]byte(loginCSS))
	return &loginPage{parsed, "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(style[:]) + "'; " +
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"}, nil
}

// loginView is what the page shows.
type loginView struct {
	// Open: nobody is configured.
	Open bool
	// Signed is who is signed in, nil if nobody is.
	Signed *access.Identity
	// Provider names the provider of OpenID Connect; "": there is none.
	Provider string
	// Next is where the person goes after that.
	Next string
	// Error says why the last attempt came to nothing.
	Error string
}

// Style is that of the page.
func (loginView) Style() template.CSS { return template.CSS(loginCSS) } //nolint:gosec // a file of ours

// Until is when the session ends at the latest.
func (v loginView) Until() string { return v.Signed.Expires.UTC().Format(time.RFC3339) }

// UntilShown is Until for people.
func (v loginView) UntilShown() string {
	return v.Signed.Expires.UTC().Format("2 January 2006, 15:04 UTC")
}

// showLogin answers with the page.
func (a *API) showLogin(w *response, status int, view loginView) error {
	var page bytes.Buffer
	if err := a.login.template.Execute(&page, view); err != nil {
		return fmt.Errorf("make login page: %w", err)
	}
	header := w.Header()
	header.Set("Content-Security-Policy", a.login.policy)
	// Without a referrer browsers send the form with the origin null, which is refused.
	header.Set("Referrer-Policy", "same-origin")
	w.send(status, "text/html; charset=utf-8", page.Bytes())
	return nil
}

// view is what the page shows to a caller who has done nothing yet.
func (a *API) view(r *http.Request, next string) loginView {
	v := loginView{Open: a.settings.Load().Access.Open(), Next: ownPath(next)}
	if a.config.OpenID != nil {
		v.Provider = a.config.OpenID.Name()
	}
	if caller := access.FromContext(r.Context()); caller.Login != nil {
		v.Signed = caller.Identity
	}
	return v
}

// ownPath returns a path of alertd's own, with its query, where somebody may be sent after
// a login: what it is given if that is one, else "/". A browser takes //host and /\host for
// another host, and leaves out tabs and line ends.
func ownPath(next string) string {
	for _, c := range []byte(next) {
		if c <= ' ' || c >= 0x7f || c == '\\' {
			return "/"
		}
	}
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || len(next) > maxNext {
		return "/"
	}
	return next
}

// maxNext is how many bytes such a path has at most.
const maxNext = 2000
