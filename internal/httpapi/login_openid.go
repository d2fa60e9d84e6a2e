package httpapi

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"alertd/internal/access"
	"alertd/internal/openid"
)

// flowName is the cookie of a sign-in that has begun at the provider.
const flowName = "alertd_login"

// maxFlow is how long the value of that cookie may be: browsers drop one of more than 4 KiB.
const maxFlow = 3500

// callback is where the provider sends a browser back to.
func (s *inForce) callback() string { return s.PublicURL + "/login/callback" }

// getLoginStart sends the browser to the provider. It is a link and no form: browsers apply
// the page's form-action to where a form's answer leads, too.
func (a *API) getLoginStart(w *response, r *http.Request) error {
	if a.config.OpenID == nil {
		return notFound(w, r)
	}
	settings, next := a.settings.Load(), ownPath(r.URL.Query().Get("next"))
	to, flow, err := a.config.OpenID.Start(r.Context(), settings.callback(), next)
	if err != nil {
		return a.refuseOpenID(w, r, next, err)
	}
	value := flow.String()
	if len(value) > maxFlow {
		flow.Next = "/"
		value = flow.String()
	}
	settings.setCookie(w, r, flowName, value, flow.At.Add(openid.FlowLifetime))
	return redirect(w, to)
}

// getLoginCallback signs in who comes back from the provider.
func (a *API) getLoginCallback(w *response, r *http.Request) error {
	if a.config.OpenID == nil {
		return notFound(w, r)
	}
	settings := a.settings.Load()
	flow, err := openid.ParseFlow(settings.cookie(r, flowName))
	settings.setCookie(w, r, flowName, "", time.Time{}) // it is good for one answer
	if err != nil {
		return a.refuseOpenID(w, r, "/", err)
	}
	account, err := a.config.OpenID.Finish(r.Context(), settings.callback(), r.URL.Query(), flow)
	if err != nil {
		return a.refuseOpenID(w, r, flow.Next, err)
	}
	_, err = a.signIn(w, r, access.Login{Account: account, At: time.Now()})
	if errors.Is(err, access.ErrNoRole) {
		p := a.loginFailed(r, account.Name, account.Name+" "+err.Error())
		if p.Status == http.StatusUnauthorized {
			p = newProblem(http.StatusForbidden, "%s", p.Detail)
		}
		return a.refuseVisit(w, r, flow.Next, p)
	}
	if err != nil {
		return err
	}
	return redirect(w, ownPath(flow.Next))
}

// refuseOpenID shows on the page why a sign-in at the provider came to nothing.
func (a *API) refuseOpenID(w *response, r *http.Request, next string, err error) error {
	known, ok := errors.AsType[*openid.Error](err)
	if !ok && !errors.Is(err, openid.ErrNoFlow) {
		return err
	}
	var p *problem
	switch {
	case !ok:
		p = a.loginFailed(r, "", err.Error())
	case known.Unavailable:
		p = unavailable(known.Message)
	default:
		p = a.loginFailed(r, "", known.Message)
	}
	p.cause = errors.New(shorten(err.Error())) // which may have a whole answer
	return a.refuseVisit(w, r, next, p)
}

// refuseVisit answers a browser with the page, and a program with the problem itself.
func (a *API) refuseVisit(w *response, r *http.Request, next string, p *problem) error {
	return a.refuseLogin(w, r, loginRequest{next: next, page: strings.Contains(r.Header.Get("Accept"), "text/html")}, p)
}
