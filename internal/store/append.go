package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"alertd/internal/alerting"
)

// The most that one transaction takes, unless a single request has more.
const (
	maxTransactionAlerts = 4096
	maxTransactionBytes  = 4 << 20
)

// request is one call of Append. It belongs to the writer from when it is queued until
// done gets a value, and is used again then.
type request struct {
	drafts  []*alerting.Draft
	bytes   int64
	done    chan struct{} // holds one
	results []alerting.Appended
	err     error
}

// newRequest returns a request for drafts.
func (q *queue) newRequest(drafts []*alerting.Draft) *request {
	r, used := q.used.Get().(*request)
	if !used {
		r = &request{done: make(chan struct{}, 1)}
	}
	r.drafts = drafts
	for _, draft := range drafts {
		r.bytes += int64(draft.Size())
	}
	return r
}

// release takes back a request that the writer does not have.
func (q *queue) release(r *request) {
	*r = request{done: r.done}
	q.used.Put(r)
}

// end tells the request what became of it. The writer no longer has it then.
func (r *request) end(results []alerting.Appended, err error) {
	r.results, r.err = results, err
	r.done <- struct{}{}
}

// queue holds the requests that wait for the writer. It is bounded by the bytes
// of their events. Safe for concurrent use.
type queue struct {
	most int64
	wake chan struct{} // holds one: something waits, or the queue was closed
	used sync.Pool     // of requests

	mu      sync.Mutex
	waiting []*request
	bytes   int64
	closed  bool
}

func newQueue(most int64) *queue { return &queue{most: most, wake: make(chan struct{}, 1)} }

var (
	errQueueFull = &alerting.Error{
		Code:    alerting.CodeUnavailable,
		Message: "too many alerts wait for the event log; the alert was not accepted, send it again later",
	}
	errClosed = &alerting.Error{
		Code:    alerting.CodeUnavailable,
		Message: "alertd is stopping; the alert was not accepted, send it again later",
	}
)

func (q *queue) put(r *request) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return errClosed
	case len(q.waiting) > 0 && q.bytes+r.bytes > q.most: // one alone is always taken
		return errQueueFull
	}
	q.waiting = append(q.waiting, r)
	q.bytes += r.bytes
	q.signal()
	return nil
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take appends what goes into the next transaction.
func (q *queue) take(taken []*request) []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, alerts, bytes := 0, 0, int64(0)
	for n < len(q.waiting) {
		r := q.waiting[n]
		if n > 0 && (alerts+len(r.drafts) > maxTransactionAlerts || bytes+r.bytes > maxTransactionBytes) {
			break
		}
		n, alerts, bytes = n+1, alerts+len(r.drafts), bytes+r.bytes
	}
	taken = append(taken, q.waiting[:n]...)
	q.waiting = slices.Delete(q.waiting, 0, n) // nothing of them stays behind
	q.bytes -= bytes
	return taken
}

// takeAll returns everything that waits.
func (q *queue) takeAll() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.waiting
	q.waiting, q.bytes = nil, 0
	return taken
}

// close refuses further requests; those that wait are still taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *queue) finished() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && len(q.waiting) == 0
}

// size returns the bytes of events that wait.
func (q *queue) size() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// Append implements alerting.Log. It needs [Store.Run].
func (s *Store) Append(ctx context.Context, drafts []*alerting.Draft) ([]alerting.Appended, error) {
	r := s.queue.newRequest(drafts)
	if err := s.queue.put(r); err != nil {
		s.queue.release(r)
		if errors.Is(err, errQueueFull) {
			s.counts.queueFull.Add(1)
		}
		return nil, err
	}
	select {
	case <-r.done:
		results, err := r.results, r.err
		s.queue.release(r)
		return results, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// writeLoop is the one writer. It returns once the queue is closed and empty.
func (s *Store) writeLoop(ctx context.Context) {
	var batch []*request
	for !s.queue.finished() {
		runtime.Gosched() // requests that are about to come in share the commit
		if batch = s.queue.take(batch[:0]); len(batch) > 0 {
			s.commit(ctx, batch)
			clear(batch)
			continue
		}
		<-s.queue.wake
	}
}

// commit writes the requests in one transaction and tells each what became of it.
func (s *Store) commit(ctx context.Context, batch []*request) {
	drafts := batch[0].drafts
	if len(batch) > 1 {
		drafts = make([]*alerting.Draft, 0, 2*len(batch))
		for _, r := range batch {
			drafts = append(drafts, r.drafts...)
		}
	}
	results, err := s.appendDrafts(ctx, drafts)
	if isDamaged(err) && len(batch) > 1 {
		for _, r := range batch { // only one of them has asked for what is damaged
			s.commit(ctx, []*request{r})
		}
		return
	}
	for _, r := range batch {
		if err != nil {
			r.end(nil, err)
			continue
		}
		n := len(r.drafts)
		r.end(results[:n:n], nil)
		results = results[n:]
	}
}

// appendDrafts makes drafts durable and publishes them. If there are none, it
// finds out whether the database can be written.
func (s *Store) appendDrafts(ctx context.Context, drafts []*alerting.Draft) ([]alerting.Appended, error) {
	began := time.Now()
	limited, cancel := s.limit(ctx)
	defer cancel()
	var fresh []*alerting.Event
	places, err := s.db.append(limited, drafts, func(places []placed) {
		fresh = freshOf(places)
		s.publisher.expect(fresh)
	})
	if isUnknown(err) {
		err = s.settle(ctx, fresh, err)
	}
	switch {
	case isDamaged(err):
		s.setAsideEvent(err)
		return nil, fmt.Errorf("look for known ids: %w", err)
	case err != nil:
		return nil, s.notAppended(limited, fresh, err)
	}
	s.works()
	if len(drafts) > 0 {
		s.counts.commits.Add(1)
		s.counts.commitNanos.Add(uint64(time.Since(began))) //nolint:gosec // time goes forward
	}
	s.publisher.publishOwn(ctx, fresh)
	return results(places), nil
}

// notAppended says what a request is told that was not, or perhaps not, appended.
func (s *Store) notAppended(limited context.Context, fresh []*alerting.Event, err error) error {
	unavailable := s.failed(err)
	if limited.Err() != nil {
		s.refuseWaiting(unavailable)
	}
	if isUnknown(err) {
		return &alerting.Error{Code: alerting.CodeUnavailable, Message: unknownMessage, Cause: err}
	}
	s.publisher.forget(fresh)
	return unavailable
}

// refuseWaiting tells those who have waited for a database that does not answer
// that it does not: one after the other would wait for that again.
func (s *Store) refuseWaiting(err error) {
	for _, r := range s.queue.takeAll() {
		r.end(nil, err)
	}
}

const unknownMessage = "the event log went away while it took the alert, and whether it was kept is not known; " +
	"send it again with the same event_id or Idempotency-Key"

// settle finds out whether a transaction of unknown outcome was committed. It
// returns nil if it was, and an [unknownError] if that cannot be known.
func (s *Store) settle(ctx context.Context, events []*alerting.Event, cause error) error {
	s.counts.unsettled.Add(1)
	unknown, _ := errors.AsType[unknownError](cause)
	if len(events) == 0 {
		return unknown.error // it had nothing to keep
	}
	s.log.Warn("the outcome of a commit is not known, asking for its events", "events", len(events), "error", cause)
	ctx, cancel := s.limit(ctx)
	defer cancel()
	wait := newBackoff()
	for {
		committed, err := s.db.committed(ctx, events[0])
		switch {
		case err == nil && committed:
			return nil
		case err == nil:
			return unknown.error
		case !wait.sleep(ctx):
			return unknownError{errors.Join(cause, err)}
		}
	}
}
