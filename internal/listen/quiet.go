package listen

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Quiet returns a handler for what net/http logs about connections. It passes on a few
// records a minute and says how many it has left out: strangers cause them, and would fill
// a disk.
func Quiet(to slog.Handler) slog.Handler { return &quiet{Handler: to} }

// quietMost is how many records are passed on in one noteInterval.
const quietMost = 10

type quiet struct {
	slog.Handler

	mu    sync.Mutex
	began time.Time
	count int
}

// Handle passes a record on, unless there were too many.
func (q *quiet) Handle(ctx context.Context, record slog.Record) error {
	q.mu.Lock()
	now, left := time.Now(), 0
	if now.Sub(q.began) >= noteInterval {
		left = max(0, q.count-quietMost)
		q.began, q.count = now, 0
	}
	q.count++
	count := q.count
	q.mu.Unlock()
	if count > quietMost {
		return nil
	}
	if left > 0 {
		record.AddAttrs(slog.Int("left_out_before", left))
	}
	return q.Handler.Handle(ctx, record)
}
