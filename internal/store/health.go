package store

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"sync"
	"time"

	"alertd/internal/alerting"
)

// How often the database is asked whether it can be written: while it works and
// nobody writes, and while it does not.
const (
	probeIdle    = 10 * time.Second
	probeFailing = 500 * time.Millisecond
)

// health is whether the database works, as the last attempt has shown.
type health struct {
	suspected chan struct{} // holds one: something has failed, and a probe is due

	mu      sync.Mutex
	failure *alerting.Error // nil: it works
	written time.Time       // when it worked last
}

// Ready returns nil if the log takes events, else an [*alerting.Error] that says
// why not.
func (s *Store) Ready() error {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	if s.health.failure == nil {
		return nil
	}
	return s.health.failure
}

// works notes that a write has worked.
func (s *Store) works() {
	s.health.mu.Lock()
	recovered := s.health.failure != nil
	s.health.failure, s.health.written = nil, time.Now()
	s.health.mu.Unlock()
	if recovered {
		s.log.Info("the event log works again")
	}
}

// failed turns a failed write into an error for the user, and notes it.
func (s *Store) failed(doing string, err error) error {
	s.counts.failures.Add(1)
	reason := s.engine.explain(err)
	if reason == "" {
		reason = "the database does not work"
	}
	known := &alerting.Error{
		Code: alerting.CodeUnavailable, Cause: err,
		Message: "the event log is not available: " + reason,
	}
	s.health.mu.Lock()
	first := s.health.failure == nil
	s.health.failure = known
	s.health.mu.Unlock()
	if first {
		s.log.Error("the event log does not work", "doing", doing, "reason", known.Message, "error", err)
	}
	return known
}

// suspect asks for a probe, as something else than a write has failed.
func (s *Store) suspect() {
	select {
	case s.health.suspected <- struct{}{}:
	default:
	}
}

// quiet reports whether it is time for a probe.
func (s *Store) quiet() bool {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	return s.health.failure != nil || time.Since(s.health.written) >= probeIdle
}

// probeLoop writes to the database when nobody else does, so that readiness is
// true also without traffic, and comes back by itself.
func (s *Store) probeLoop(ctx context.Context) error {
	tick := time.NewTicker(probeFailing)
	defer tick.Stop()
	for {
		due := true
		select {
		case <-ctx.Done():
			return nil
		case <-s.health.suspected:
		case <-tick.C:
			due = s.quiet()
		}
		if due {
			s.probe(ctx)
		}
	}
}

// probe writes to the database and notes whether that works.
func (s *Store) probe(ctx context.Context) {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.queries.probe)
		return err
	})
	switch {
	case err == nil:
		s.works()
	case ctx.Err() == nil:
		_ = s.failed("probe", err) // it is logged and shown
	}
}

// backoff waits longer and longer between attempts, with jitter.
type backoff struct{ next time.Duration }

func newBackoff() *backoff { return &backoff{next: 20 * time.Millisecond} }

// sleep waits for the next attempt; it returns false if ctx ended before.
func (b *backoff) sleep(ctx context.Context) bool {
	timer := time.NewTimer(b.next/2 + rand.N(b.next)) //nolint:gosec // jitter
	defer timer.Stop()
	b.next = min(2*b.next, time.Second)
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
