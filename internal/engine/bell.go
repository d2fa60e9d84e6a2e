package engine

import (
	"context"
	"time"
)

// pollEvery is how often a loop looks for work that nothing has told it of.
const pollEvery = time.Second

// bell wakes one loop. Ringing never blocks, and a loop that was rung for several times
// wakes once.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// wait returns when the bell rings, and after a while anyway; false if ctx has ended.
func (b bell) wait(ctx context.Context, longest time.Duration) bool {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-b:
	case <-timer.C:
	}
	return ctx.Err() == nil
}
