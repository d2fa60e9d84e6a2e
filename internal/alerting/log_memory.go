package alerting

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// MemoryLog is the in-memory [Log]: it numbers events and forgets all but the
// most recent ones, ids and idempotency keys included.
type MemoryLog struct {
	mu     sync.Mutex
	sink   Sink
	buffer *Buffer
	last   Seq
	byKey  map[string]*Event // by idempotency key; may hold events that were forgotten
}

// NewMemoryLog returns an empty log that remembers the last capacity events, at
// least one, as far as its buffer's bytes allow.
func NewMemoryLog(capacity int) *MemoryLog {
	l := &MemoryLog{buffer: NewBuffer(capacity), byKey: make(map[string]*Event)}
	l.buffer.Keep(max(1, capacity))
	return l
}

// Attach implements [Log].
func (l *MemoryLog) Attach(_ context.Context, sink Sink, recent int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sink = sink
	events := l.buffer.Query(Query{}).Events
	slices.Reverse(events)
	sink.Publish(events[max(0, len(events)-recent):], OriginElsewhere)
	return nil
}

// Buffer implements [Log].
func (l *MemoryLog) Buffer() *Buffer { return l.buffer }

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
		l.buffer.Append(event)
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
	if w := l.buffer.window(true); len(l.byKey) > 2*(w.end-w.from) {
		maps.DeleteFunc(l.byKey, func(_ string, e *Event) bool { _, kept := l.buffer.Find(e.id); return !kept })
	}
	l.byKey[key] = event
}

func (l *MemoryLog) find(id EventID, key string) *Event {
	if event, ok := l.buffer.Find(id); ok {
		return event
	}
	if key == "" || l.byKey[key] == nil {
		return nil
	}
	event, _ := l.buffer.Find(l.byKey[key].id)
	return event
}

// Find implements [Log].
func (l *MemoryLog) Find(_ context.Context, id EventID, key string) (*Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.find(id, key), nil
}

// Query implements [Log].
func (l *MemoryLog) Query(_ context.Context, q Query) (Page, error) { return l.buffer.Query(q), nil }

// maxStretch is how many events are looked through at once.
const maxStretch = 1000

// After implements [Log].
func (l *MemoryLog) After(_ context.Context, after Seq, filter Filter) (Stretch, error) {
	after = max(after, l.buffer.window(true).oldest()-1)
	if stretch, some := l.buffer.After(after, filter, maxStretch); some {
		return stretch, nil
	}
	return Stretch{From: after + 1, Through: after}, nil
}

// Extent implements [Log].
func (l *MemoryLog) Extent(context.Context) (Extent, error) {
	oldest, newest := l.buffer.ends(true)
	if oldest == nil {
		return Extent{}, nil
	}
	return Extent{First: oldest.seq, Last: newest.seq, Oldest: oldest.receivedAt, Newest: newest.receivedAt}, nil
}

// CatchUp implements [Log].
func (l *MemoryLog) CatchUp(context.Context) error { return nil }
