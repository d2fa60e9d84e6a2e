package alerting

import "sync"

// subscriptionQueue is how many events may wait for a subscriber before it
// counts as too slow. It is more than the largest batch that a client can post.
const subscriptionQueue = 16_384

// Subscription is a live view of the events that match a filter, without an event lost or
// repeated between what was replayed and what is live. A subscriber that reads too slowly is
// dropped: it never holds up registration. One goroutine takes; Close may be called by any.
type Subscription struct {
	feed   *feed
	filter Filter
	wants  string // the filter's key

	ready chan struct{} // has a value if there may be something to take
	mu    sync.Mutex
	queue []*Event
	ended bool
}

// Ready returns a channel that has a value when there is something to take.
func (s *Subscription) Ready() <-chan struct{} { return s.ready }

// Take returns the events that wait, oldest first; there may be none. open is false if no
// further ones will come: the subscription was closed, or its subscriber was too slow.
func (s *Subscription) Take() (events []*Event, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, s.queue = s.queue, nil
	return events, !s.ended
}

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() { s.feed.remove(s) }

// give adds events, as many as may wait. It returns false if some do not fit.
func (s *Subscription) give(events []*Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	fit := min(len(events), subscriptionQueue-len(s.queue))
	s.queue = append(s.queue, events[:fit]...)
	s.tell()
	return fit == len(events)
}

// end says that no further events come.
func (s *Subscription) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.tell()
}

func (s *Subscription) tell() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// feed hands new events to the subscriptions.
type feed struct {
	mu sync.Mutex
	// groups has the subscriptions by what they want: whether an event matches is decided once
	// for all that want the same, as dashboards do.
	groups map[string]map[*Subscription]struct{}
	space  []*Event
}

func newFeed() *feed { return &feed{groups: make(map[string]map[*Subscription]struct{})} }

// subscription returns one that gets nothing yet.
func (f *feed) subscription(filter Filter) *Subscription {
	return &Subscription{feed: f, filter: filter, wants: filter.key(), ready: make(chan struct{}, 1)}
}

func (f *feed) add(s *Subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.groups[s.wants] == nil {
		f.groups[s.wants] = make(map[*Subscription]struct{})
	}
	f.groups[s.wants][s] = struct{}{}
}

func (f *feed) remove(s *Subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end(s)
}

// end takes a subscription out, once. Under the lock.
func (f *feed) end(s *Subscription) {
	group := f.groups[s.wants]
	if _, ok := group[s]; !ok {
		return
	}
	s.end()
	if delete(group, s); len(group) == 0 {
		delete(f.groups, s.wants)
	}
}

// publish never blocks.
func (f *feed) publish(events []*Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, group := range f.groups {
		f.space = f.space[:0]
		decided := false
		for s := range group {
			if !decided {
				decided = true
				for _, event := range events {
					if s.filter.Matches(event) {
						f.space = append(f.space, event)
					}
				}
			}
			if len(f.space) == 0 {
				break
			}
			if !s.give(f.space) {
				f.end(s)
			}
		}
	}
	clear(f.space[:cap(f.space)]) // the buffer decides how long an event is kept
}
