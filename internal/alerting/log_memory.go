package alerting

import (
	"context"
	"maps"
	"sync"
)

// MemoryLog is the in-memory [Log]: it numbers events and forgets all but the
// most recent ones, ids and idempotency keys included.
type MemoryLog struct {
	mu     sync.Mutex
	sink   Sink
	recent *Buffer
	last   Seq
	byKey  map[string]*Event // by idempotency key; may hold events that were forgotten
}

// NewMemoryLog returns an empty log that remembers the last capacity events, at
// least one.
func NewMemoryLog(capacity int) *MemoryLog {
	return &MemoryLog{recent: NewBuffer(capacity), byKey: make(map[string]*Event)}
}

// Attach implements [Log].
func (l *MemoryLog) Attach(_ context.Context, sink Sink, recent int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sink = sink
	events := l.recent.After(0, Filter{})
	sink.Publish(events[max(0, len(events)-recent):], OriginElsewhere)
	return nil
}

// Append implements [Log].
func (l *MemoryLog) Append(_ context.Context, drafts []*Draft) ([]Appended, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	results := make([]Appended, len(drafts))
	fresh := make([]*Event, 0, len(drafts))
	for i, draft := range drafts {
		if known := l.find(draft.ID(), draft.IdempotencyKey()); known != nil {
			results[i] = Appended{Event: known, Duplicate: true}
			continue
		}
		l.last++
		event := draft.Finish(l.last)
		l.recent.Append(event)
		if key := draft.IdempotencyKey(); key != "" {
			l.remember(key, event)
		}
		results[i] = Appended{Event: event}
		fresh = append(fresh, event)
	}
	l.sink.Publish(fresh, OriginHere)
	return results, nil
}

// remember keeps a key; now and then it drops those of forgotten events.
func (l *MemoryLog) remember(key string, event *Event) {
	if len(l.byKey) > 2*l.recent.Capacity() {
		maps.DeleteFunc(l.byKey, func(_ string, e *Event) bool { _, kept := l.recent.Get(e.id); return !kept })
	}
	l.byKey[key] = event
}

func (l *MemoryLog) find(id EventID, key string) *Event {
	if event, ok := l.recent.Get(id); ok {
		return event
	}
	if key == "" || l.byKey[key] == nil {
		return nil
	}
	event, _ := l.recent.Get(l.byKey[key].id)
	return event
}

// Find implements [Log].
func (l *MemoryLog) Find(_ context.Context, id EventID, key string) (*Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.find(id, key), nil
}

// Query implements [Log].
func (l *MemoryLog) Query(_ context.Context, q Query) (Page, error) { return l.recent.Recent(q), nil }

// After implements [Log].
func (l *MemoryLog) After(_ context.Context, after Seq, filter Filter) (Stretch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := after + 1
	if oldest, _ := l.recent.ends(); oldest != nil {
		from = max(from, oldest.seq)
	}
	return Stretch{Events: l.recent.After(after, filter), From: from, Through: l.last}, nil
}

// Extent implements [Log].
func (l *MemoryLog) Extent(context.Context) (Extent, error) {
	oldest, newest := l.recent.ends()
	if oldest == nil {
		return Extent{}, nil
	}
	return Extent{First: oldest.seq, Last: newest.seq, Oldest: oldest.receivedAt, Newest: newest.receivedAt}, nil
}

// CatchUp implements [Log].
func (l *MemoryLog) CatchUp(context.Context) error { return nil }
