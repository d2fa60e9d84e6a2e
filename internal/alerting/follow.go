package alerting

import (
	"context"
	"fmt"
)

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

// Replay is a part of the log that a stream missed.
type Replay struct {
	// Gap, if not nil, comes before the events.
	Gap *Gap
	// Events are those that match, oldest first.
	Events []*Event
}

// maxBacklog is how many events may lie between a replay and what is live for the replay
// to end: few enough that nobody waits while they are looked through.
const maxBacklog = 1000

// Follow returns a live view of the events that match, which the caller must close. If it
// resumes at an event that lies back, replay is called with what lies between, part by
// part; a part with neither gap nor events only shows that there is progress. The view
// goes on where the last part ended: nothing is lost or repeated, and registration waits
// for nothing that replay does. An error is replay's own or the log's.
func (m *Manager) Follow(ctx context.Context, filter Filter, resume Resume, replay func(Replay) error) (*Subscription, error) {
	if !resume.Active {
		return m.Subscribe(filter), nil
	}
	after, caughtUp := resume.After, false
	for {
		if s, live := m.goLive(filter, after); live {
			return s, nil
		}
		if !caughtUp {
			caughtUp = true
			if err := m.log.CatchUp(ctx); err != nil {
				return nil, fmt.Errorf("resume stream: %w", err)
			}
			if after > m.lastSeq() {
				gap := &Gap{From: 1, To: after, Reason: fmt.Sprintf("event %d is not known: this is another log, all its events follow", after)}
				if err := replay(Replay{Gap: gap}); err != nil {
					return nil, err
				}
				after = 0
				continue
			}
		}
		stretch, err := m.log.After(ctx, after, filter)
		if err != nil {
			return nil, fmt.Errorf("resume stream: %w", err)
		}
		part := Replay{Events: stretch.Events}
		if stretch.From > after+1 {
			part.Gap = &Gap{From: after + 1, To: stretch.From - 1, Reason: fmt.Sprintf("events %d to %d are no longer kept", after+1, stretch.From-1)}
		}
		if err := replay(part); err != nil {
			return nil, err
		}
		after = max(stretch.Through, stretch.From-1)
	}
}

// Subscribe returns a live view of the events that match from now on, which the caller
// must close.
func (m *Manager) Subscribe(filter Filter) *Subscription {
	s := m.feed.subscription(filter)
	m.feed.add(s)
	return s
}

// goLive returns a live view that goes on after an event, if that is so near the newest
// one that registration does not wait for it, and the buffer has all that lies between.
func (m *Manager) goLive(filter Filter, after Seq) (s *Subscription, live bool) {
	last := m.lastSeq()
	if after > last || last-after > maxBacklog || !m.buffer.reaches(after, last) {
		return nil, false
	}
	s = m.feed.subscription(filter)
	m.mu.Lock() // no event may come between the backlog and the feed
	defer m.mu.Unlock()
	backlog, live := m.buffer.between(after, m.seq, filter)
	if live {
		s.give(backlog)
		m.feed.add(s)
	}
	return s, live
}
