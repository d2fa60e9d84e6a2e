package alerting

import "sync"

// Dispatcher takes the registered events on their way out, in their order, while
// alerting is enabled. Dispatch is called with a lock held: it must neither
// block nor call back.
type Dispatcher interface {
	Dispatch(event *Event)
}

// MemoryDispatcher is the in-memory [Dispatcher]: it keeps the most recent
// events that were dispatched.
type MemoryDispatcher struct {
	mu     sync.Mutex
	events *Buffer
	count  int
}

// NewMemoryDispatcher returns a dispatcher that keeps the last capacity events,
// at least one.
func NewMemoryDispatcher(capacity int) *MemoryDispatcher {
	return &MemoryDispatcher{events: NewBuffer(capacity)}
}

// Dispatch keeps the event.
func (d *MemoryDispatcher) Dispatch(event *Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events.Append(event)
	d.count++
}

// DispatchedEvents returns the events that are kept, oldest first.
func (d *MemoryDispatcher) DispatchedEvents() []*Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.events.All()
}

// Count returns how many events were dispatched since the start or the last
// Clear, those included that are no longer kept.
func (d *MemoryDispatcher) Count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// Clear forgets all events and starts counting anew.
func (d *MemoryDispatcher) Clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = NewBuffer(d.events.Capacity())
	d.count = 0
}
