package access

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/tidwall/match"
)

// Kind is how a caller has shown who it is.
type Kind string

// The kinds.
const (
	// Anonymous: it has not, and need not, as nobody is configured.
	Anonymous Kind = "anonymous"
	// Token: by a token.
	Token Kind = "token"
	// Certificate: by a client certificate.
	Certificate Kind = "certificate"
	// Person: by a session in a browser, which began with OpenID Connect.
	Person Kind = "person"
	// Own: alertd itself.
	Own Kind = "alertd"
)

// Identity is somebody with a name and a role. It is not changed once it is made.
type Identity struct {
	Kind Kind
	Name string
	Role Role
	// Sources are patterns of the sources that it may send alerts for; empty: all.
	Sources []string
	// Expires is when it stops being valid; zero: never.
	Expires time.Time
	// Hash is that of its token, zero if it has none.
	Hash Hash
	// Subject is that of its client certificate, "" if it has none.
	Subject string
	// Login is how its session began, nil if it did not come by a session.
	Login *Login
}

// MaySend reports whether it may send alerts for a source. * in a pattern stands for any
// characters, ? for one.
func (i *Identity) MaySend(source string) bool {
	return len(i.Sources) == 0 || slices.ContainsFunc(i.Sources, func(pattern string) bool { return match.Match(source, pattern) })
}

// Expired reports whether it is not valid any more.
func (i *Identity) Expired(now time.Time) bool { return !i.Expires.IsZero() && !now.Before(i.Expires) }

// By returns who an action is by: its own name, with the name that the request claims
// beside it, such as "desk-bot for ada". An anonymous caller is who it claims to be.
func (i *Identity) By(claimed string) string {
	switch {
	case i.Kind == Anonymous:
		return claimed
	case claimed == "" || claimed == i.Name:
		return i.Name
	}
	return i.Name + " for " + claimed
}

// Caller is who makes a request.
type Caller struct {
	*Identity
	// Address is where the request comes from. It is not valid for a Unix socket and for
	// alertd itself.
	Address netip.Addr
}

type callerKey struct{}

// NewContext returns a context with a caller.
func NewContext(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// FromContext returns the caller of a context. Without one it is alertd itself.
func FromContext(ctx context.Context) *Caller {
	if c, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return c
	}
	return &Caller{Identity: &Identity{Kind: Own, Name: "alertd", Role: RoleAdmin}}
}
