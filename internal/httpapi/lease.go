package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"alertd/internal/access"
	"alertd/internal/session"
)

// lease is the permission to go on with what was admitted a while ago, such as a stream. Its
// owner looks at it when it may have ended, and need not ask again and again.
type lease struct {
	api      *API
	identity *access.Identity
	need     access.Need
	session  string   // the token of the session that the identity came by, "" if by none
	settings *inForce // of the last look
	expiry   *time.Timer
}

// lease returns the permission of a request's caller. The caller stops it.
func (a *API) lease(r *http.Request, need access.Need) *lease {
	l := &lease{api: a, identity: access.FromContext(r.Context()).Identity, need: need, expiry: time.NewTimer(time.Hour)}
	if l.identity.Login != nil {
		l.session = a.settings.Load().sessionCookie(r)
	}
	l.expiry.Stop() // until it is renewed
	return l
}

// renew returns nil if the permission goes on, until changed or expired tells of doubts, and
// else why it has ended.
func (l *lease) renew() error {
	l.settings = l.api.settings.Load()
	identity, err := l.settings.renew(l.identity, time.Now())
	switch {
	case err != nil:
		return fmt.Errorf("the credential %w", err)
	case !identity.Role.Allows(l.need):
		return fmt.Errorf("this needs the role %s; %s has the role %s now", l.need, identity.Name, identity.Role)
	}
	l.identity = identity
	l.expiry.Stop()
	if !identity.Expires.IsZero() {
		l.expiry.Reset(time.Until(identity.Expires))
	}
	return nil
}

// signedIn returns nil unless the session has ended, be it on another replica. To go on is no
// use of it. If the store cannot say, it goes on.
func (l *lease) signedIn(ctx context.Context) error {
	if l.session == "" {
		return nil
	}
	if _, err := l.api.config.Sessions.Find(ctx, l.session); errors.Is(err, session.ErrEnded) {
		return err
	}
	return nil
}

// changed is closed once other settings are in force than renew has looked at.
func (l *lease) changed() <-chan struct{} { return l.settings.replaced }

// expired gets a value when the credential expires.
func (l *lease) expired() <-chan time.Time { return l.expiry.C }

func (l *lease) stop() { l.expiry.Stop() }

// renew returns who an identity of earlier settings is now, or why it is nobody.
func (s *inForce) renew(i *access.Identity, now time.Time) (*access.Identity, error) {
	return s.Access.Renew(i, now)
}
