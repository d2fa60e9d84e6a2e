package store

import (
	"context"
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
	writes  uint64          // that have worked
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

// WriteProgress goes up whenever the log has written something: events, or, when there are
// none for 10 s, something to find out whether it can.
func (s *Store) WriteProgress() uint64 {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	return s.health.writes
}

// works notes that a write has worked.
func (s *Store) works() {
	s.health.mu.Lock()
	recovered := s.health.failure != nil
	s.health.failure, s.health.written = nil, time.Now()
	s.health.writes++
	s.health.mu.Unlock()
	if recovered {
		s.log.Info("the event log works again")
	}
}

// failed turns a failed write into an error for the user, and notes it.
func (s *Store) failed(err error) error {
	s.counts.failures.Add(1)
	reason := s.db.explain(err)
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
		s.log.Error("the event log does not work", "reason", known.Message, "error", err)
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

// probeLoop has the writer append nothing when nobody else appends, which writes
// all the same, so that readiness is true also without traffic, and comes back by
// itself.
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
			_, _ = s.Append(ctx, nil) // the writer notes whether that works
		}
	}
}

// backoff waits longer and longer between attempts, with jitter.
type backoff struct{ next time.Duration }

func newBackoff() *backoff { return &backoff{next: 20 * time.Millisecond} }

// duration returns how long to wait for the next attempt.
func (b *backoff) duration() time.Duration {
	d := b.next/2 + rand.N(b.next) //nolint:gosec // jitter
	b.next = min(2*b.next, 250*time.Millisecond)
	return d
}

// sleep waits for the next attempt; it returns false if ctx ended before.
func (b *backoff) sleep(ctx context.Context) bool { return sleep(ctx, b.duration()) }

// sleep waits; it returns false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
