package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"alertd/internal/access"
	"alertd/internal/session"
)

// sessionName is the cookie of a session. Over TLS it is set as __Host-alertd_session, which
// a browser takes from this very host over TLS alone: no other host of the domain, and
// nobody between, can plant one.
const sessionName = "alertd_session"

// secure reports whether the caller's browser has reached alertd over TLS, be it by a proxy.
func (s *inForce) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(s.PublicURL, "https://")
}

// nameFor returns the name of a cookie.
func (s *inForce) nameFor(r *http.Request, name string) string {
	if s.secure(r) {
		return "__Host-" + name
	}
	return name
}

// cookie returns the value of a cookie, "" if there is none, or if there are several, of
// which one is not from here.
func (s *inForce) cookie(r *http.Request, name string) string {
	if found := r.CookiesNamed(s.nameFor(r, name)); len(found) == 1 {
		return found[0].Value
	}
	return ""
}

// sessionCookie returns the token of the session that a request belongs to, or "".
func (s *inForce) sessionCookie(r *http.Request) string { return s.cookie(r, sessionName) }

// setCookie gives the browser a cookie until a time, or takes it away. Pages of other sites
// send it with links alone, see [http.SameSiteLaxMode].
func (s *inForce) setCookie(w http.ResponseWriter, r *http.Request, name, value string, until time.Time) {
	cookie := &http.Cookie{ //nolint:gosec // Secure only where TLS is: a browser would not keep it
		Name: s.nameFor(r, name), Value: value, Path: "/", MaxAge: -1,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.secure(r),
	}
	if value != "" {
		cookie.MaxAge = max(1, int(time.Until(until)/time.Second))
	}
	http.SetCookie(w, cookie)
}

// bySession returns who a session belongs to now. The error is [session.ErrEnded],
// [access.ErrNoRole], or says that the store is not available.
func (a *API) bySession(r *http.Request, s *inForce, token string, now time.Time) (*access.Identity, error) {
	login, err := a.config.Sessions.Use(r.Context(), token)
	if err != nil {
		return nil, err
	}
	identity, err := s.Access.ByLogin(login, now)
	switch {
	case err == nil:
		return identity, nil
	case errors.Is(err, access.ErrNoRole):
		return nil, fmt.Errorf("%s %w", login.Account.Name, err)
	}
	return nil, fmt.Errorf("%w: the credential %v", session.ErrEnded, err) //nolint:errorlint // to its owner it is the session that has ended
}
