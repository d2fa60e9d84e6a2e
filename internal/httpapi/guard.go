package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"alertd/internal/access"
	"alertd/internal/alerting"
	"alertd/internal/metrics"
	"alertd/internal/session"
)

// errNoCredential says that a request shows nothing by which its caller is known.
var errNoCredential = errors.New("no credential")

// admit is what stands before every handler: it finds out who makes a request, and
// refuses what the caller may not do. The request that it returns has the caller in its
// context, see [access.FromContext].
func (e *endpoint) admit(w *response, r *http.Request) (*http.Request, error) {
	settings := e.api.settings.Load()
	identity, refusal := e.api.identify(settings, r, time.Now())
	caller := &access.Caller{Identity: identity, Address: settings.forwarding.address(r)}
	if identity == nil { // on a route that is open to all
		caller.Identity = nobody
	}
	w.caller = caller
	r = r.WithContext(access.NewContext(r.Context(), caller))
	if err := e.limit(caller, refusal); err != nil {
		return r, err
	}
	e.api.noteCredential(r, settings, identity, refusal)
	// Only the headers that browsers set tell a page of another site from a program.
	if err := settings.origins.Check(r); e.row.Method != http.MethodGet && err != nil {
		e.api.config.Refusals.Count(metrics.RefusedOrigin)
		p := newProblem(http.StatusForbidden, "requests from web pages of another origin are not allowed")
		p.cause = err
		return r, p
	}
	switch need := e.row.Need; {
	case need == access.NeedNothing:
		return r, nil
	case identity == nil:
		return r, e.api.refuse(refusal)
	case !identity.Role.Allows(need):
		e.api.config.Refusals.Count(metrics.RefusedForbidden)
		return r, forbidden(identity, need)
	}
	return r, nil
}

// limit counts a request against the limits of its caller. The refusal is why no
// credential was accepted, if that is so.
func (e *endpoint) limit(c *access.Caller, refusal error) error {
	if e.row.probes {
		return nil
	}
	if isWrong(refusal) {
		if err := e.api.rates.loginFailed(c.Address); err != nil {
			return errors.Join(err, refusal)
		}
	}
	return e.api.rates.request(c, refusal != nil)
}

// nobody is the identity on open routes of a caller who has shown none. It may do nothing
// else.
var nobody = &access.Identity{Kind: access.Anonymous, Name: "anonymous"}

// identify returns who makes a request, or why that is not known. What a program says of
// itself comes before what a browser sends by itself.
func (a *API) identify(s *inForce, r *http.Request, now time.Time) (*access.Identity, error) {
	if s.Access.Open() {
		return anybody, nil
	}
	if given := r.Header["Authorization"]; len(given) > 0 {
		token, err := bearer(given)
		if err != nil {
			return nil, err
		}
		return s.Access.ByToken(token, now)
	}
	if token := s.sessionCookie(r); token != "" {
		return a.bySession(r, s, token, now)
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return s.Access.BySubject(r.TLS.VerifiedChains[0][0].Subject.String(), now)
	}
	return nil, errNoCredential
}

// anybody is the identity of all callers where nobody is configured.
var anybody = access.Anybody()

var errNotBearer = errors.New("the Authorization header must be given once, as: Bearer TOKEN")

// bearer returns the token in the values of an Authorization header (RFC 6750).
func bearer(values []string) (string, error) {
	scheme, token, found := strings.Cut(values[0], " ")
	if len(values) > 1 || !found || !strings.EqualFold(scheme, "Bearer") {
		return "", errNotBearer
	}
	return strings.TrimLeft(token, " "), nil
}

// refuse answers a caller who is not known, for the reason that [API.identify] has given.
func (a *API) refuse(reason error) error {
	if _, known := errors.AsType[*alerting.Error](reason); known {
		return reason // the store of sessions is not available
	}
	if errors.Is(reason, access.ErrNoRole) {
		a.config.Refusals.Count(metrics.RefusedForbidden)
		return newProblem(http.StatusForbidden, "%s", reason)
	}
	a.config.Refusals.Count(metrics.RefusedUnauthenticated)
	return unauthenticated(reason)
}

// unauthenticated answers a caller who is not known. The header says what to show (RFC 6750,
// section 3).
func unauthenticated(reason error) *problem {
	p := newProblem(http.StatusUnauthorized, "this needs a token, in the header Authorization: Bearer TOKEN")
	p.authenticate = `Bearer realm="alertd"`
	if reason == nil || errors.Is(reason, errNoCredential) {
		return p
	}
	switch p.cause = reason; {
	case errors.Is(reason, session.ErrEnded):
		p.Detail = session.ErrEnded.Error() + ": sign in again at /login"
	case errors.Is(reason, errNotBearer):
		p.Detail = reason.Error()
		p.authenticate += `, error="invalid_request"`
	case errors.Is(reason, access.ErrNotSecret), errors.Is(reason, access.ErrUnknown), errors.Is(reason, access.ErrExpired):
		p.Detail = "the credential " + reason.Error()
		p.authenticate += `, error="invalid_token"`
	}
	return p
}

// forbidden answers a caller whose role is not enough.
func forbidden(i *access.Identity, need access.Need) *problem {
	p := newProblem(http.StatusForbidden, "this needs the role %s; %s has the role %s", need, i.Name, i.Role)
	p.authenticate = `Bearer realm="alertd", error="insufficient_scope", scope="` + string(need.Roles()[0]) + `"`
	return p
}

// checkSource returns nil if the caller may send alerts for a source, also if it is missing,
// which is another mistake.
func (a *API) checkSource(caller *access.Caller, source string) error {
	return a.checkOwn(caller, "source", "send alerts only for these sources", strings.TrimSpace(source))
}

// checkOwn returns nil if a field's value is one of a caller's sources, or missing, or if the
// caller is not bound to some. may says what it may do for those.
func (a *API) checkOwn(caller *access.Caller, field, may, value string) error {
	if len(caller.Sources) == 0 || value == "" || caller.MaySend(value) {
		return nil
	}
	a.config.Refusals.Count(metrics.RefusedSource)
	allowed := strings.Join(caller.Sources, ", ")
	p := newProblem(http.StatusForbidden, "%s may %s: %s", caller.Name, may, allowed)
	p.authenticate = `Bearer realm="alertd", error="insufficient_scope"`
	p.Errors = []alerting.FieldError{{Field: field, Message: fmt.Sprintf("%q is not allowed, must match one of %s", shorten(value), allowed)}}
	return p
}
