package alerting

import (
	"fmt"
	"sync"
)

// subscriptionQueue is how many events may wait for a subscriber before it
// counts as too slow. It is more than the largest batch that a client can post.
const subscriptionQueue = 16_384

// Resume says from where a subscription goes on. The zero value is live only.
type Resume struct {
	// Active asks for the events after After as well.
	Active bool
	// After is the sequence number of the last event that was seen.
	After Seq
}

// Gap is a run of events that a resumed subscription cannot get.
type Gap struct {
	From   Seq    `json:"from"`
	To     Seq    `json:"to"`
	Reason string `json:"reason"`
}

// Subscription is a live view of the events that match a filter. The backlog
// comes first, then the channel, without an event lost or repeated between them.
// A subscriber that reads too slowly is dropped: it never holds up registration.
type Subscription struct {
	feed    *feed
	filter  Filter
	backlog []*Event
	gap     *Gap
	events  chan *Event
	dropped bool // written before events is closed
}

// Backlog returns the events after the point of resumption that the buffer
// still had, oldest first.
func (s *Subscription) Backlog() []*Event { return s.backlog }

// Gap returns what can no longer be had, or nil.
func (s *Subscription) Gap() *Gap { return s.gap }

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
	mu            sync.Mutex
	subscriptions map[*Subscription]struct{}
}

func newFeed() *feed { return &feed{subscriptions: make(map[*Subscription]struct{})} }

func (f *feed) add(filter Filter) *Subscription {
	s := &Subscription{feed: f, filter: filter, events: make(chan *Event, subscriptionQueue)}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subscriptions[s] = struct{}{}
	return s
}

func (f *feed) remove(s *Subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end(s)
}

// end takes a subscription out, once. Under the lock.
func (f *feed) end(s *Subscription) {
	if _, ok := f.subscriptions[s]; ok {
		delete(f.subscriptions, s)
		close(s.events)
	}
}

// publish never blocks.
func (f *feed) publish(event *Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.subscriptions {
		if !s.filter.Matches(event) {
			continue
		}
		select {
		case s.events <- event:
		default:
			s.dropped = true
			f.end(s)
		}
	}
}

// gapBefore returns what lies between the last event seen and the oldest one
// that is left, or nil.
func gapBefore(after Seq, oldest *Event, last Seq) *Gap {
	next := last + 1 // the number that follows what was dropped
	if oldest != nil {
		next = oldest.seq
	}
	if after+1 >= next {
		return nil
	}
	return &Gap{From: after + 1, To: next - 1, Reason: fmt.Sprintf("events %d to %d have left the buffer", after+1, next-1)}
}
