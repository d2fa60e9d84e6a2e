package engine

import (
	"context"
	"time"
)

// retainEvery is how often old incidents are deleted.
const retainEvery = time.Minute

// retentionLoop deletes incidents that were resolved long ago.
func (e *Engine) retentionLoop(ctx context.Context) {
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		n, err := e.work.Retain(ctx, e.retention)
		if err != nil && ctx.Err() == nil {
			e.log.Warn("old incidents not deleted", "error", withCause(err))
		} else if n > 0 {
			e.log.Info("old incidents deleted", "incidents", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
