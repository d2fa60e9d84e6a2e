package logfile

import (
	"path/filepath"
	"sync"
)

// Files gives each file to one channel at a time: a channel and the one that takes its
// place at a reload write the same file, and two that rotate it at once would lose lines.
// Make one for all channels of a process. The zero value is ready to use. Safe for
// concurrent use.
type Files struct {
	mu    sync.Mutex
	turns map[string]turn // by path
}

// turn is taken by sending to it, and given back by receiving.
type turn chan struct{}

func (f *Files) turn(path string) turn {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.turns == nil {
		f.turns = map[string]turn{}
	}
	t, ok := f.turns[path]
	if !ok {
		t = make(turn, 1)
		f.turns[path] = t
	}
	return t
}
