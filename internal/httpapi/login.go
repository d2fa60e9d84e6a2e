package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"alertd/internal/access"
	"alertd/internal/alerting"
	"alertd/internal/audit"
	"alertd/internal/metrics"
)

// AuditLog is where it is written who signed in and out.
type AuditLog interface {
	Audit(ctx context.Context, entries ...audit.Entry) error
	// AuditFailure never holds up its caller, and leaves out what is too much.
	AuditFailure(entry audit.Entry)
}

// getLogin shows the page to sign in, or who is signed in.
func (a *API) getLogin(w *response, r *http.Request) error {
	return a.showLogin(w, http.StatusOK, a.view(r, r.URL.Query().Get("next")))
}

// loginRequest is what somebody signs in with.
type loginRequest struct {
	token, next string
	page        bool // the answer is a page
}

// maxLogin is how many bytes the body of a login has at most.
const maxLogin = 16 << 10

func (a *API) readLogin(w *response, r *http.Request) (in loginRequest, err error) {
	buffer := getBuffer()
	defer putBuffer(buffer)
	if err := readBody(w, r, buffer, min(maxLogin, a.config.MaxBody)); err != nil {
		return in, err
	}
	form, err := a.openBody(r, buffer, contentJSON, contentForm)
	if err != nil {
		return in, err
	}
	if form == contentForm {
		values, err := url.ParseQuery(buffer.String())
		if err != nil {
			return in, newProblem(http.StatusBadRequest, "the form cannot be read")
		}
		return loginRequest{strings.TrimSpace(values.Get("token")), values.Get("next"), true}, nil
	}
	body := newBodyReader("token")
	if err := body.decode(trimSpace(buffer.Bytes())); err != nil {
		return in, err
	}
	in.token = body.text("token")
	body.check("token", in.token, 1, 200)
	return in, body.err()
}

// postLogin begins a session for the owner of a token.
func (a *API) postLogin(w *response, r *http.Request) error {
	in, err := a.readLogin(w, r)
	if err != nil {
		return err
	}
	settings, now := a.settings.Load(), time.Now()
	if settings.Access.Open() {
		return a.refuseLogin(w, r, in, newProblem(http.StatusConflict, "nobody is configured, so no sign-in is needed"))
	}
	identity, err := settings.Access.ByToken(in.token, now)
	if err != nil {
		return a.refuseLogin(w, r, in, a.loginFailed(r, "", "the token "+err.Error()))
	}
	caller := &access.Caller{Identity: identity, Address: access.FromContext(r.Context()).Address}
	a.noteCredential(r.WithContext(access.NewContext(r.Context(), caller)), settings, identity, nil)
	identity, err = a.signIn(w, r, access.Login{Token: identity.Hash, At: now})
	if err != nil {
		return err
	}
	if in.page {
		return redirect(w, ownPath(in.next))
	}
	return w.sendJSON(http.StatusOK, struct {
		Name      string      `json:"name"`
		Role      access.Role `json:"role"`
		ExpiresAt string      `json:"expires_at"`
	}{identity.Name, identity.Role, alerting.FormatTime(identity.Expires)})
}

// signIn begins a session and returns who it belongs to. Its record comes first, so that
// nobody is signed in without one. The error is one of [access.Directory.ByLogin], or says
// that the store is not available.
func (a *API) signIn(w *response, r *http.Request, login access.Login) (*access.Identity, error) {
	settings := a.settings.Load()
	login = a.config.Sessions.Bounded(login)
	identity, err := settings.Access.ByLogin(login, login.At)
	if err != nil {
		return nil, err
	}
	w.caller = &access.Caller{Identity: identity, Address: access.FromContext(r.Context()).Address}
	ctx := access.NewContext(r.Context(), w.caller)
	if err := a.config.AuditLog.Audit(ctx, audit.By(ctx, audit.Login, "")); err != nil {
		return nil, err
	}
	token, err := a.config.Sessions.Begin(ctx, settings.sessionCookie(r), login)
	if err != nil {
		return nil, err
	}
	settings.setCookie(w, r, sessionName, token, login.Until)
	return identity, nil
}

// loginFailed counts and records a login that failed, and returns its answer.
func (a *API) loginFailed(r *http.Request, actor, reason string) *problem {
	entry := audit.By(r.Context(), audit.LoginFailed, "").Changing(nil, map[string]string{"reason": reason})
	if actor != "" {
		entry.Actor = actor
	}
	a.config.AuditLog.AuditFailure(entry)
	a.config.Refusals.Count(metrics.RefusedUnauthenticated)
	if err := a.rates.loginFailed(access.FromContext(r.Context()).Address); err != nil {
		return toProblem(err)
	}
	p := newProblem(http.StatusUnauthorized, "%s", reason)
	p.authenticate = `Bearer realm="alertd"`
	return p
}

// refuseLogin answers with the page if that is wanted, else with the problem itself.
func (a *API) refuseLogin(w *response, r *http.Request, in loginRequest, p *problem) error {
	if !in.page {
		return p
	}
	view := a.view(r, in.next)
	view.Signed, view.Error = nil, "Not signed in: "+p.Detail+"."
	w.cause = p
	p.setHeader(w.Header())
	return a.showLogin(w, p.Status, view)
}

// postLogout ends the session. There need not be one.
func (a *API) postLogout(w *response, r *http.Request) error {
	settings := a.settings.Load()
	if token := settings.sessionCookie(r); token != "" {
		if err := a.config.Sessions.End(r.Context(), token); err != nil {
			return err
		}
		settings.setCookie(w, r, sessionName, "", time.Time{})
	}
	if access.FromContext(r.Context()).Login != nil {
		// What has ended stays so, whether or not it can be written.
		w.cause = a.config.AuditLog.Audit(r.Context(), audit.By(r.Context(), audit.Logout, ""))
	}
	if form, err := formOf(r.Header.Get("Content-Type"), []string{contentJSON, contentForm}); err == nil && form == contentForm {
		return redirect(w, "/login")
	}
	return w.sendJSON(http.StatusOK, map[string]string{"status": "signed out"})
}

// redirect sends the browser to another page, to be fetched by GET.
func redirect(w *response, to string) error {
	w.Header().Set("Location", to)
	w.send(http.StatusSeeOther, "text/plain; charset=utf-8", []byte("see "+to+"\n"))
	return nil
}
