package store

import (
	"context"
	"time"

	"alertd/internal/access"
	"alertd/internal/audit"
)

// What is here writes to the audit log behind requests that have nothing else to save: those
// that are refused, and those that show a token for the first time. Neither waits for it.

const (
	// failuresPerMinute is how many failures a minute have a record of their own. More
	// say nothing more, and would fill the disk at an attacker's will.
	failuresPerMinute = 60
	// behindQueue is how many entries wait to be written.
	behindQueue = 128
	// behindEvery is how often what could not be written is tried again.
	behindEvery = 10 * time.Second
)

// behind is the queue of what is written behind requests.
type behind struct {
	limit    audit.Limit
	failures chan audit.Entry
	uses     chan firstUse
	// Of the one goroutine that writes:
	unsaved []firstUse
	failing bool // once is logged
}

func newBehind() *behind {
	return &behind{
		limit:    audit.Limit{PerMinute: failuresPerMinute},
		failures: make(chan audit.Entry, behindQueue), uses: make(chan firstUse, behindQueue),
	}
}

// AuditFailure writes that somebody was refused, such as
//
//	s.AuditFailure(audit.By(ctx, audit.LoginFailed, "").Changing(nil, map[string]any{"reason": "it has expired"}))
//
// behind the caller, whom it never holds up: it may be called for each refused request. Up
// to 60 a minute have a record of their own. Of more, of those that came faster than they
// could be written, and of those that came while the database was away, one record of
// [audit.LeftOut] says how many there were of each action. It needs [Store.Run].
func (s *Store) AuditFailure(e audit.Entry) {
	now := time.Now()
	if !s.behind.limit.Take(now, e.Action) {
		return
	}
	select {
	case s.behind.failures <- e:
	default:
		s.behind.limit.Count(now, e.Action)
	}
}

// FirstUse notes that a token or a certificate was used, and writes a record if that is the
// first time in the database's life. ctx has the caller, for the address. It never holds its caller
// up; it returns false if it has no place for the use, and is to be called again for the
// next one. Calling it once for each identity and process is enough. It needs [Store.Run].
func (s *Store) FirstUse(ctx context.Context, i *access.Identity) bool {
	use, is := newFirstUse(ctx, i)
	if !is {
		return true
	}
	select {
	case s.behind.uses <- use:
		return true
	default:
		return false
	}
}

// writeBehind writes what is queued until asked ends, and then once what is left.
func (s *Store) writeBehind(asked context.Context) error {
	ctx := context.WithoutCancel(asked) // what has begun goes on to its end
	tick := time.NewTicker(behindEvery)
	defer tick.Stop()
	for {
		select {
		case <-asked.Done():
			s.writeLast(ctx)
			return nil
		case e := <-s.behind.failures:
			s.writeFailure(ctx, e)
		case use := <-s.behind.uses:
			s.writeFirstUse(ctx, use)
		case <-tick.C:
			s.writeAgain(ctx, false)
		}
	}
}

// writeLast writes what is left when alertd stops. A database that is away is not waited
// for again and again.
func (s *Store) writeLast(ctx context.Context) {
	for {
		select {
		case e := <-s.behind.failures:
			s.writeFailure(ctx, e)
		case use := <-s.behind.uses:
			s.writeFirstUse(ctx, use)
		default:
			s.writeAgain(ctx, true)
			return
		}
		if s.behind.failing {
			return
		}
	}
}

func (s *Store) writeFailure(ctx context.Context, e audit.Entry) {
	if s.wroteBehind(s.Audit(ctx, e)) {
		return
	}
	s.behind.limit.Count(time.Now(), e.Action)
}

func (s *Store) writeFirstUse(ctx context.Context, use firstUse) {
	if !s.wroteBehind(s.firstUse(ctx, use)) {
		s.behind.unsaved = append(s.behind.unsaved, use)
	}
}

// writeAgain writes what could not be written before, and how many failures were left out.
func (s *Store) writeAgain(ctx context.Context, atOnce bool) {
	unsaved := s.behind.unsaved
	s.behind.unsaved = nil
	for i, use := range unsaved {
		if s.writeFirstUse(ctx, use); s.behind.failing {
			s.behind.unsaved = append(s.behind.unsaved, unsaved[i+1:]...)
			return
		}
	}
	e, written, some := s.behind.limit.LeftOut(ctx, time.Now(), atOnce)
	if some && s.wroteBehind(s.Audit(ctx, e)) {
		written()
	}
}

// wroteBehind notes whether a write has worked, and reports that.
func (s *Store) wroteBehind(err error) bool {
	if err != nil && !s.behind.failing {
		s.log.Warn("the audit log cannot be written behind requests, what comes meanwhile is counted", "error", err)
	}
	s.behind.failing = err != nil
	return err == nil
}
