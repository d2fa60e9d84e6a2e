package alerting

import "sync"

// subscriptionQueue is how many events may wait for a subscriber before it
// counts as too slow. It is more than the largest batch that a client can post.
const subscriptionQueue = 16_384

// Subscription is a live view of the events that match a filter. The backlog
// comes first, then the channel, without an event lost or repeated between them.
// A subscriber that reads too slowly is dropped: it never holds up registration.
type Subscription struct {
	feed    *feed
	filter  Filter
	wants   string // the filter's key
	backlog []*Event
	events  chan *Event
	dropped bool // written before events is closed
}

// Backlog returns the events between the last part of the replay and the first event of
// the channel, oldest first.
func (s *Subscription) Backlog() []*Event { return s.backlog }

// Events returns the channel of new events. It is closed when the subscription
// was closed or dropped.
func (s *Subscription) Events() <-chan *Event { return s.events }

// Dropped reports whether the subscriber was too slow. It is meaningful once
// the channel is closed.
func (s *Subscription) Dropped() bool {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return s.dropped
}

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() { s.feed.remove(s) }

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
	return &Subscription{feed: f, filter: filter, wants: filter.key(), events: make(chan *Event, subscriptionQueue)}
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
	close(s.events)
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
			if !s.take(f.space) {
				s.dropped = true
				f.end(s)
			}
		}
	}
	clear(f.space[:cap(f.space)]) // the buffer decides how long an event is kept
}

// take hands events to the subscriber. It returns false if too many wait already.
func (s *Subscription) take(events []*Event) bool {
	for _, event := range events {
		select {
		case s.events <- event:
		default:
			return false
		}
	}
	return true
}
