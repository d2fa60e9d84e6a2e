package alerting

import (
	"context"
	"fmt"
	"time"
)

// Log keeps events for good and gives them their order. Its numbers ascend by
// one, from 1, and become visible in order: who has seen an event never meets one
// with a smaller number later. Safe for concurrent use.
//
// Errors are of type [*Error] with [CodeUnavailable] where the same call may
// succeed later.
type Log interface {
	// Attach names the sink, hands it the most recent events, oldest first, and
	// from then on every further one. It is called once, before any other method.
	Attach(ctx context.Context, sink Sink, recent int) error
	// Append makes the drafts durable, all in one transaction, and says what
	// became of each, in their order. The sink has every new event before Append
	// returns. On an error nothing was kept, unless the error is ctx's own, or says
	// otherwise.
	Append(ctx context.Context, drafts []*Draft) ([]Appended, error)
	// Find returns the event with this id or, where the key is not empty, with
	// this idempotency key; nil if there is none.
	Find(ctx context.Context, id EventID, idempotencyKey string) (*Event, error)
	// Query returns the newest events that match, at most q.Limit, which must not be 0.
	Query(ctx context.Context, q Query) (Page, error)
	// After returns events with greater numbers that match, oldest first: some of
	// them, in a stretch of bounded size.
	After(ctx context.Context, after Seq, filter Filter) (Stretch, error)
	// Extent describes what the log holds. Its cost does not grow with that.
	Extent(ctx context.Context) (Extent, error)
	// CatchUp returns once the sink has every event that was durable before the call,
	// whoever appended it.
	CatchUp(ctx context.Context) error
}

// Appended is what became of one draft.
type Appended struct {
	// Event is the new event or, for a duplicate, the first one.
	Event *Event
	// Duplicate says that the id or the idempotency key was known.
	Duplicate bool
}

// Stretch is a part of the log that was looked through.
type Stretch struct {
	// Events are those that match, oldest first.
	Events []*Event
	// From and Through are the first and the last number that was looked at. Numbers
	// before From are no longer kept. At the log's end Through is less than From.
	From, Through Seq
}

// Extent describes what a log holds.
type Extent struct {
	// First and Last are the numbers of the oldest and the newest event; 0 if there
	// is none.
	First, Last Seq
	// Oldest and Newest are when these two were received.
	Oldest, Newest time.Time
}

// Events returns how many events there are.
func (e Extent) Events() int64 {
	if e.First == 0 {
		return 0
	}
	return int64(e.Last - e.First + 1)
}

// Origin says where an event came from.
type Origin uint8

// The origins of events.
const (
	// OriginHere: it was registered through this log, just now.
	OriginHere Origin = iota
	// OriginElsewhere: another replica registered it, or it was there before.
	OriginElsewhere
)

// Sink takes a log's events, each once, in the order of their numbers. Publish is
// called by one goroutine at a time; it must neither block nor call the log.
type Sink interface {
	Publish(events []*Event, origin Origin)
}

// Replay is a part of the log that a stream missed.
type Replay struct {
	// Gap, if not nil, comes before the events.
	Gap *Gap
	// Events are those that match, oldest first.
	Events []*Event
}

// Follow returns a live view of the events that match, which the caller must
// close. If it resumes at an event that the buffer no longer reaches, replay is
// called with what lies between, part by part; a part with neither gap nor events
// only shows that there is progress. The view goes on where the last part ended:
// nothing is lost or repeated, and nothing is held while replay works. An error
// is replay's own or the log's.
func (m *Manager) Follow(ctx context.Context, filter Filter, resume Resume, replay func(Replay) error) (*Subscription, error) {
	for first := true; ; first = false {
		s := m.Subscribe(filter, resume)
		if s.Gap() == nil {
			return s, nil
		}
		s.Close()
		if first {
			if err := m.log.CatchUp(ctx); err != nil {
				return nil, fmt.Errorf("resume stream: %w", err)
			}
			if last := m.lastSeq(); resume.After > last {
				gap := &Gap{From: 1, To: resume.After, Reason: fmt.Sprintf(
					"event %d is not known: this is another log, all its events follow", resume.After)}
				if err := replay(Replay{Gap: gap}); err != nil {
					return nil, err
				}
				resume.After = 0
				continue
			}
		}
		stretch, err := m.log.After(ctx, resume.After, filter)
		if err != nil {
			return nil, fmt.Errorf("resume stream: %w", err)
		}
		part := Replay{Events: stretch.Events}
		if stretch.From > resume.After+1 {
			part.Gap = &Gap{From: resume.After + 1, To: stretch.From - 1, Reason: fmt.Sprintf(
				"events %d to %d are no longer kept", resume.After+1, stretch.From-1)}
		}
		if err := replay(part); err != nil {
			return nil, err
		}
		resume.After = max(stretch.Through, stretch.From-1)
	}
}
