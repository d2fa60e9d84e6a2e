package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Sessions keeps the sessions of people in a browser, for all replicas. It is a store of
// package scs. The database has the hash of a session's token alone, so that a copy of it
// opens no session. Safe for concurrent use.
type Sessions struct {
	store              *Store
	find, save, finish string
}

// NewSessions returns the sessions in a database.
func NewSessions(s *Store) *Sessions {
	now := s.Dialect().Now
	return &Sessions{
		store: s,
		find:  `SELECT data FROM sessions WHERE token = ? AND data IS NOT NULL AND expires > ` + now,
		save: s.sql(`INSERT INTO sessions (token, data, expires) VALUES (?, ?, ?)
			ON CONFLICT (token) DO UPDATE SET data = excluded.data, expires = excluded.expires WHERE sessions.data IS NOT NULL`),
		finish: s.sql(`UPDATE sessions SET data = NULL, expires = ? WHERE token = ?`),
	}
}

// FindCtx returns what a session holds, unless there is none or it is over.
func (t *Sessions) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	err = t.store.EachRow(ctx, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(&data)
	}, t.find, key(token))
	return data, found, err
}

// CommitCtx makes or changes a session. It does nothing to one that has ended: a request
// that was under way meanwhile must not revive it.
func (t *Sessions) CommitCtx(ctx context.Context, token string, data []byte, expires time.Time) error {
	return t.store.Transact(ctx, false, func(ctx context.Context, tx Transaction, _ time.Time) error {
		if _, err := tx.ExecContext(ctx, t.save, key(token), data, expires.UnixMicro()); err != nil {
			return fmt.Errorf("save session: %w", err)
		}
		return nil
	})
}

// endedLifetime is how long it is remembered that a session has ended: longer than any
// request takes that has read it before.
const endedLifetime = time.Hour

// DeleteCtx ends a session.
func (t *Sessions) DeleteCtx(ctx context.Context, token string) error {
	return t.store.Transact(ctx, false, func(ctx context.Context, tx Transaction, now time.Time) error {
		if _, err := tx.ExecContext(ctx, t.finish, now.Add(endedLifetime).UnixMicro(), key(token)); err != nil {
			return fmt.Errorf("end session: %w", err)
		}
		return nil
	})
}

func key(token string) []byte {
	hash := sha256.Sum256([]byte(token))
	return hash[:]
}

var errNoContext = errors.New("sessions need a context")

// Find is there for package scs, which does not call it.
func (*Sessions) Find(string) ([]byte, bool, error) { return nil, false, errNoContext }

// Commit is there for package scs, which does not call it.
func (*Sessions) Commit(string, []byte, time.Time) error { return errNoContext }

// Delete is there for package scs, which does not call it.
func (*Sessions) Delete(string) error { return errNoContext }
