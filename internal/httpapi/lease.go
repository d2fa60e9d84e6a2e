package httpapi

import (
	"fmt"
	"time"

	"alertd/internal/access"
)

// lease is the permission to go on with what was admitted a while ago, such as a stream. Its
// owner looks at it when it may have ended, and need not ask again and again.
type lease struct {
	api      *API
	identity *access.Identity
	need     access.Need
	settings *inForce // of the last look
	expiry   *time.Timer
}

// lease returns the permission of an identity. The caller stops it.
func (a *API) lease(i *access.Identity, need access.Need) *lease {
	l := &lease{api: a, identity: i, need: need, expiry: time.NewTimer(time.Hour)}
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

// changed is closed once other settings are in force than renew has looked at.
func (l *lease) changed() <-chan struct{} { return l.settings.replaced }

// expired gets a value when the credential expires.
func (l *lease) expired() <-chan time.Time { return l.expiry.C }

func (l *lease) stop() { l.expiry.Stop() }

// renew returns who an identity of earlier settings is now, or why it is nobody.
func (s *inForce) renew(i *access.Identity, now time.Time) (*access.Identity, error) {
	return s.Access.Renew(i, now)
}
