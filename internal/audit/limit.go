package audit

import (
	"context"
	"maps"
	"sync"
	"time"
)

// Limit keeps a flood of failures from becoming a flood of records: so many a minute are
// written, the others are counted. Its zero value lets none through. Safe for concurrent
// use.
type Limit struct {
	// PerMinute is how many entries are let through in the minute that begins with the
	// first one.
	PerMinute int

	mu      sync.Mutex
	began   time.Time
	through int
	since   time.Time // when the first one was left out
	left    map[Action]int
}

// Take reports whether an entry may be written. One that may not is counted.
func (l *Limit) Take(now time.Time, a Action) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.began) >= time.Minute {
		l.began, l.through = now, 0
	}
	if l.through >= l.PerMinute {
		l.count(now, a)
		return false
	}
	l.through++
	return true
}

// Count counts an entry that was not written for another reason.
func (l *Limit) Count(now time.Time, a Action) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(now, a)
}

func (l *Limit) count(now time.Time, a Action) {
	if l.left == nil {
		l.left, l.since = make(map[Action]int), now
	}
	l.left[a]++
}

// leftOut is what a record of [LeftOut] has in After.
type leftOut struct {
	Since string         `json:"since"`
	Until string         `json:"until"`
	Left  map[Action]int `json:"left_out"`
}

// LeftOut returns an entry that says how many were left out since the first of them, if
// that is a minute ago or longer, or at once if the flood is to be summed up now. written
// is called once it is written: until then they are counted.
func (l *Limit) LeftOut(ctx context.Context, now time.Time, atOnce bool) (e Entry, written func(), some bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == nil || !atOnce && now.Sub(l.since) < time.Minute {
		return Entry{}, nil, false
	}
	told := maps.Clone(l.left)
	e = By(ctx, LeftOut, "").Changing(nil, leftOut{l.since.UTC().Format(timeLayout), now.UTC().Format(timeLayout), told})
	return e, func() { l.told(now, told) }, true
}

// told forgets what was told of, and keeps what came since.
func (l *Limit) told(now time.Time, told map[Action]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for action, n := range told {
		if l.left[action] -= n; l.left[action] == 0 {
			delete(l.left, action)
		}
	}
	if l.since = now; len(l.left) == 0 {
		l.left = nil
	}
}
