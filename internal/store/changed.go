package store

import (
	"context"
	"fmt"
	"sync"
)

// changes wakes those that wait for a change. Its zero value is not ready: see newChanges.
type changes struct {
	mu   sync.Mutex
	next chan struct{}
}

func newChanges() *changes { return &changes{next: make(chan struct{})} }

func (c *changes) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next
}

func (c *changes) announce() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.next)
	c.next = make(chan struct{})
}

// Changed returns a channel that is closed when [Store.Announce] was called next, on any
// replica. It is a hint: what is announced while the database cannot be reached may be missed.
func (s *Store) Changed() <-chan struct{} { return s.changes.wait() }

// Announce tells all replicas of a change that no event tells of, once tx is committed. The
// caller then calls [Store.Announced].
func (s *Store) Announce(ctx context.Context, tx Transaction) error {
	if !s.Shared() {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `SELECT pg_notify($1, $2)`, notifyChannel, changedPayload); err != nil {
		return fmt.Errorf("announce a change: %w", err)
	}
	return nil
}

// Announced is called once the transaction of [Store.Announce] is committed.
func (s *Store) Announced() {
	if !s.Shared() { // else the database tells this replica, too
		s.changes.announce()
	}
}
