package session_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2/memstore"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"alertd/internal/access"
	"alertd/internal/session"
	"alertd/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	idle     = 8 * time.Hour
	absolute = 7 * 24 * time.Hour
)

// counting is a store that counts what is written.
type counting struct {
	*memstore.MemStore
	commits int
	broken  error
}

func (c *counting) Commit(token string, data []byte, expires time.Time) error {
	c.commits++
	if c.broken != nil {
		return c.broken
	}
	return c.MemStore.Commit(token, data, expires)
}

func inMemory() *counting { return &counting{MemStore: memstore.NewWithCleanupInterval(0)} }

func begin(tb testing.TB, s *session.Sessions, before string) string {
	tb.Helper()
	token, err := s.Begin(tb.Context(), before, access.Login{Token: access.Hash{1}, At: time.Now()})
	require.NoError(tb, err)
	return token
}

func TestSessionEndsWhenItIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := inMemory()
		s := session.New(session.Config{Store: kept, Idle: idle, Absolute: absolute})
		token := begin(t, s, "")
		for range 20 { // longer than the timeout in all
			time.Sleep(time.Hour)
			login, err := s.Use(t.Context(), token)
			require.NoError(t, err)
			require.Equal(t, access.Hash{1}, login.Token)
			require.Equal(t, login.At.Add(absolute), login.Until)
		}
		for range 8 {
			time.Sleep(time.Hour - time.Second)
			_, err := s.Find(t.Context(), token)
			require.NoError(t, err, "to look at it is no use of it")
		}
		time.Sleep(8 * time.Second)
		_, err := s.Use(t.Context(), token)
		require.ErrorIs(t, err, session.ErrEnded)
	})
}

func TestSessionEndsHoweverMuchItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := session.New(session.Config{Store: inMemory(), Idle: idle, Absolute: absolute})
		token := begin(t, s, "")
		for range 7*24 - 1 {
			time.Sleep(time.Hour)
			_, err := s.Use(t.Context(), token)
			require.NoError(t, err)
		}
		time.Sleep(time.Hour)
		_, err := s.Use(t.Context(), token)
		require.ErrorIs(t, err, session.ErrEnded)
	})
}

func TestSessionIsWrittenOnceAMinuteAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := inMemory()
		s := session.New(session.Config{Store: kept, Idle: idle, Absolute: absolute})
		token := begin(t, s, "")
		for range 600 {
			time.Sleep(time.Second)
			_, err := s.Use(t.Context(), token)
			require.NoError(t, err)
		}
		require.Equal(t, 1+10, kept.commits)
		kept.broken = errors.New("the disk is full")
		time.Sleep(time.Hour)
		_, err := s.Use(t.Context(), token)
		require.NoError(t, err, "a reader can read that the disk is full")
	})
}

func TestShortIdleTimeoutIsNotedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := session.New(session.Config{Store: inMemory(), Idle: time.Minute, Absolute: absolute})
		token := begin(t, s, "")
		for range 10 {
			time.Sleep(40 * time.Second)
			_, err := s.Use(t.Context(), token)
			require.NoError(t, err)
		}
	})
}

func TestTimeoutsInForceHoldForSessionsFromBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := inMemory()
		token := begin(t, session.New(session.Config{Store: kept, Idle: idle, Absolute: absolute}), "")
		time.Sleep(2 * time.Hour)
		_, err := session.New(session.Config{Store: kept, Idle: time.Hour, Absolute: absolute}).Use(t.Context(), token)
		require.ErrorIs(t, err, session.ErrEnded)
		_, err = session.New(session.Config{Store: kept, Idle: idle, Absolute: 2 * time.Hour}).Use(t.Context(), token)
		require.ErrorIs(t, err, session.ErrEnded)
		_, err = session.New(session.Config{Store: kept, Idle: idle, Absolute: absolute}).Use(t.Context(), token)
		require.NoError(t, err)
	})
}

// A token that somebody has planted in a browser before its owner signs in must not become
// the token of the owner's session.
func TestLoginHasATokenOfItsOwn(t *testing.T) {
	s := session.New(session.Config{Store: inMemory(), Idle: idle, Absolute: absolute})
	planted := strings.Repeat("A", 43)
	first := begin(t, s, planted)
	require.NotEqual(t, planted, first)
	second := begin(t, s, first)
	require.NotEqual(t, first, second)
	_, err := s.Find(t.Context(), first)
	require.ErrorIs(t, err, session.ErrEnded, "the browser's session of before has ended")
	_, err = s.Find(t.Context(), second)
	require.NoError(t, err)
}

// Two parts on one database stand for two replicas.
func TestSessionIsValidAndEndsOnEveryReplica(t *testing.T) {
	database, err := store.Open(t.Context(), store.Config{Driver: store.SQLite, Path: filepath.Join(t.TempDir(), "alertd.db"), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer func() { require.NoError(t, database.Close()) }()
	replica := func() *session.Sessions {
		return session.New(session.Config{Store: store.NewSessions(database), Idle: idle, Absolute: absolute})
	}
	one, other := replica(), replica()
	token := begin(t, one, "")
	login, err := other.Use(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, access.Hash{1}, login.Token)
	require.NoError(t, other.End(t.Context(), token))
	require.NoError(t, other.End(t.Context(), token))
	_, err = one.Use(t.Context(), token)
	require.ErrorIs(t, err, session.ErrEnded)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = one.Use(ctx, begin(t, one, ""))
	require.Error(t, err)
	require.NotErrorIs(t, err, session.ErrEnded, "a database that does not answer has ended no session")
}

func FuzzSessionToken(f *testing.F) {
	s := session.New(session.Config{Store: inMemory(), Idle: idle, Absolute: absolute})
	valid, err := s.Begin(context.Background(), "", access.Login{Token: access.Hash{1}, At: time.Now()})
	require.NoError(f, err)
	for _, token := range []string{"", valid, valid + "=", valid[:42], valid + "A", strings.Repeat("A", 43), "\x00", "é"} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		_, err := s.Use(t.Context(), token)
		if token == valid {
			require.NoError(t, err)
			return
		}
		require.ErrorIs(t, err, session.ErrEnded)
		if s.End(t.Context(), token) == nil {
			_, err = s.Find(t.Context(), valid)
			require.NoError(t, err)
		}
	})
}
