package client

import (
	"context"
	"math/rand/v2"
	"time"
)

// The waits between attempts: the longest possible wait doubles with each attempt, up to
// maxWait, and the wait is a random time from half of it, so that many clients of an alertd
// that comes back do not all ask at once.
const (
	firstWait = 500 * time.Millisecond
	maxWait   = 10 * time.Second
)

// waitAfter returns the wait after an attempt, which counts from 1: at least what alertd
// asks for in err.
func waitAfter(attempt int, err error) time.Duration {
	longest := maxWait
	if attempt < 6 { // from there on the wait would be longer
		longest = min(maxWait, firstWait<<(attempt-1))
	}
	wait := longest/2 + time.Duration(rand.Int64N(int64(longest/2))) //nolint:gosec // not for secrets
	if asked := askedWait(err); asked > wait {
		return asked + wait/10
	}
	return wait
}

// sleep waits, or returns the cause of the context's end.
func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
