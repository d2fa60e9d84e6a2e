package listen

import (
	"log"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Quiet returns a logger for what net/http has to say about connections. It logs a few
// messages a minute and how many it has left out: strangers cause them, and would fill a
// disk.
func Quiet(to *slog.Logger) *log.Logger { return log.New(&quiet{log: to}, "", 0) }

// quietMost is how many messages are logged in one noteInterval.
const quietMost = 10

type quiet struct {
	log *slog.Logger

	mu    sync.Mutex
	began time.Time
	count int
}

// Write logs a message.
func (q *quiet) Write(message []byte) (int, error) {
	q.mu.Lock()
	now, left := time.Now(), 0
	if now.Sub(q.began) >= noteInterval {
		left = max(0, q.count-quietMost)
		q.began, q.count = now, 0
	}
	q.count++
	count := q.count
	q.mu.Unlock()
	if left > 0 {
		q.log.Warn("messages about connections were left out", "count", left)
	}
	if count <= quietMost {
		q.log.Warn(strings.TrimSpace(string(message)))
	}
	return len(message), nil
}
