// Package session keeps people signed in. A browser holds a random token; the store has
// its hash and the [access.Login] that the session began with, and no more: what the owner
// may do is found anew for each request. It ends when it is ended, when it was not used for
// the idle timeout, and when the absolute timeout is over.
package session

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"

	"alertd/internal/access"
)

// Config has the parameters of [New]. All fields are required.
type Config struct {
	// Store keeps the sessions. A session that was deleted from it is not revived by a
	// later commit.
	Store scs.Store
	// Idle is how long a session lives without being used, Absolute how long in all.
	Idle, Absolute time.Duration
}

// Sessions are the sessions of all people. Safe for concurrent use.
type Sessions struct {
	manager *scs.SessionManager
	touch   time.Duration
}

// maxTouch is the time between two notes in the store that a session is in use.
const maxTouch = time.Minute

// New returns the sessions in a store.
func New(config Config) *Sessions {
	// scs.New would start a store of its own, whose goroutine nobody ends.
	manager := &scs.SessionManager{Store: config.Store, IdleTimeout: config.Idle, Lifetime: config.Absolute, Codec: scs.GobCodec{}}
	return &Sessions{manager: manager, touch: min(maxTouch, config.Idle/4)}
}

// ErrEnded says that there is no such session, or not any more.
var ErrEnded = errors.New("the session has ended")

// The values of a session.
const (
	keyLogin = "login" // JSON
	keySeen  = "seen"  // when it was last noted to be in use, in microseconds since 1970
)

// Bounded returns a login with the time at which its session ends at the latest.
func (s *Sessions) Bounded(login access.Login) access.Login {
	login.Until = login.At.Add(s.manager.Lifetime)
	return login
}

// Begin begins a session and returns its token. The session that the browser held before, if
// any, ends: a token from before is worth nothing after a login.
func (s *Sessions) Begin(ctx context.Context, before string, login access.Login) (token string, err error) {
	text, err := json.Marshal(login)
	if err != nil {
		return "", fmt.Errorf("begin session: %w", err)
	}
	if !wellFormed(before) {
		before = ""
	}
	if ctx, err = s.manager.Load(ctx, before); err != nil {
		return "", err
	}
	if err := s.manager.RenewToken(ctx); err != nil {
		return "", err
	}
	s.manager.Put(ctx, keyLogin, text)
	s.manager.Put(ctx, keySeen, login.At.UnixMicro())
	token, _, err = s.manager.Commit(ctx)
	return token, err
}

// Find returns how the session with a token began. The error is [ErrEnded], or says that
// the store is not available. It does not count as use.
func (s *Sessions) Find(ctx context.Context, token string) (access.Login, error) {
	_, login, err := s.find(ctx, token, time.Now())
	return login, err
}

// Use is Find for a request of the session's owner: the idle timeout begins again.
func (s *Sessions) Use(ctx context.Context, token string) (access.Login, error) {
	now := time.Now()
	ctx, login, err := s.find(ctx, token, now)
	if err != nil {
		return access.Login{}, err
	}
	if now.Sub(time.UnixMicro(s.manager.GetInt64(ctx, keySeen))) >= s.touch {
		s.manager.Put(ctx, keySeen, now.UnixMicro())
		// If it cannot be noted, as the disk is full, the owner can read why all the same.
		_, _, _ = s.manager.Commit(ctx)
	}
	return login, nil
}

// find also returns a context with the session's values.
func (s *Sessions) find(ctx context.Context, token string, now time.Time) (context.Context, access.Login, error) {
	var login access.Login
	if !wellFormed(token) {
		return nil, login, ErrEnded
	}
	ctx, err := s.manager.Load(ctx, token)
	if err != nil {
		return nil, login, err
	}
	text := s.manager.GetBytes(ctx, keyLogin)
	if text == nil {
		return nil, login, ErrEnded
	}
	if err := json.Unmarshal(text, &login); err != nil {
		return nil, login, fmt.Errorf("read session: %w", err)
	}
	login = s.Bounded(login) // the timeouts may have been longer when it began
	if idle := now.Sub(time.UnixMicro(s.manager.GetInt64(ctx, keySeen))); idle >= s.manager.IdleTimeout || !now.Before(login.Until) {
		return nil, login, ErrEnded
	}
	return ctx, login, nil
}

// End ends a session. It need not be there.
func (s *Sessions) End(ctx context.Context, token string) error {
	if !wellFormed(token) {
		return nil
	}
	ctx, err := s.manager.Load(ctx, token)
	if err != nil {
		return err
	}
	if !s.manager.Exists(ctx, keyLogin) {
		return nil
	}
	return s.manager.Destroy(ctx)
}

// wellFormed reports whether a text may be a token: others need not be looked for.
func wellFormed(token string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	return err == nil && len(raw) == 32 && len(token) == base64.RawURLEncoding.EncodedLen(32)
}
