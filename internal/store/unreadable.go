package store

import (
	"errors"
	"strconv"
	"sync"

	"alertd/internal/alerting"
)

// maxRemembered is how many unreadable rows of a table are told apart. Of more than these
// nothing is logged or counted.
const maxRemembered = 10_000

// unreadable are the rows that were found to be unreadable. Safe for concurrent use.
type unreadable struct {
	mu         sync.Mutex
	rows       map[string]map[string]struct{} // keys by table
	unreported []Unreadable
}

// Unreadable is a row that cannot be decoded.
type Unreadable struct {
	Table, Key string
	// Error says why not.
	Error string
}

// TakeUnreadable returns the rows that were set aside since it was called last, so that
// alertd can raise an alert about them.
func (s *Store) TakeUnreadable() []Unreadable {
	s.unreadable.mu.Lock()
	defer s.unreadable.mu.Unlock()
	taken := s.unreadable.unreported
	s.unreadable.unreported = nil
	return taken
}

// SetAside notes that a row of a table cannot be decoded: it is logged and counted once.
// It returns false for one that was set aside before. key names the row.
func (s *Store) SetAside(table, key string, err error) bool {
	if !s.unreadable.add(Unreadable{table, key, err.Error()}) {
		return false
	}
	s.log.Error("a row of the database cannot be read and is left out", "table", table, "key", key, "error", err)
	return true
}

func (u *unreadable) add(row Unreadable) bool {
	table, key := row.Table, row.Key
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.rows == nil {
		u.rows = map[string]map[string]struct{}{}
	}
	if u.rows[table] == nil {
		u.rows[table] = map[string]struct{}{}
	}
	known := u.rows[table]
	if _, is := known[key]; is || len(known) == maxRemembered {
		return false
	}
	known[key] = struct{}{}
	u.unreported = append(u.unreported, row)
	return true
}

// counts is [Counts.Unreadable].
func (u *unreadable) counts() map[string]int {
	u.mu.Lock()
	defer u.mu.Unlock()
	counts := map[string]int{eventsTable: 0}
	for table, keys := range u.rows {
		counts[table] = len(keys)
	}
	return counts
}

const eventsTable = "events"

// setAsideEvent sets aside the event of a [damagedError], if err is one, and returns its
// number.
func (s *Store) setAsideEvent(err error) (alerting.Seq, bool) {
	damaged, is := errors.AsType[damagedError](err)
	if is {
		s.SetAside(eventsTable, strconv.FormatInt(int64(damaged.seq), 10), damaged.error)
	}
	return damaged.seq, is
}
