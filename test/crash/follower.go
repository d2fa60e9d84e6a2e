package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// follower reads the stream during the whole campaign, from any alertd that it can reach, and
// resumes after the last event that it has seen. It must see each event once, in order, and
// none that is gone after a crash.
type follower struct {
	api    api
	ledger *ledger
	fleet  *fleet
	// patience is how long it may lag behind.
	patience time.Duration

	mu     sync.Mutex
	seen   []record
	broken bool // it has reported a fault, and stopped following
}

// run follows until ctx ends.
func (f *follower) run(ctx context.Context) {
	for turn := 0; ctx.Err() == nil; turn++ {
		if addresses := f.fleet.addresses(); len(addresses) > 0 {
			err := f.api.readStream(ctx, addresses[turn%len(addresses)], f.last(), f.take)
			if errors.Is(err, errStream) && ctx.Err() == nil {
				f.breakOff("a reader that follows through crashes: %s", err)
				return
			}
		}
		pause(ctx, 10*time.Millisecond)
	}
}

func (f *follower) take(r record) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, r)
	return true
}

// breakOff reports a fault, once.
func (f *follower) breakOff(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.broken {
		f.broken = true
		f.ledger.report(wrong, format, args...)
	}
}

// last returns the number of the last event seen.
func (f *follower) last() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return lastSeq(f.seen)
}

// verify waits until the follower has seen all events of the log, newest first, and compares
// them.
func (f *follower) verify(ctx context.Context, log []record) {
	var newest uint64
	if len(log) > 0 {
		newest = log[0].seq
	}
	ctx, cancel := withPatience(ctx, f.patience)
	defer cancel()
	err := waitUntil(ctx, func() (bool, error) { return f.isBroken() || f.last() >= newest, nil })
	if f.isBroken() {
		return
	}
	if err != nil {
		f.breakOff("a reader that follows through crashes has come to seq %d, it must come to %d: %s", f.last(), newest, err)
		return
	}
	for _, finding := range verifyStream(f.all(), log) {
		f.breakOff("a reader that follows through crashes: %s", finding.detail)
	}
}

func (f *follower) isBroken() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.broken
}

// all returns all events seen.
func (f *follower) all() []record {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}
