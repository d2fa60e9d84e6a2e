package alerting

import (
	"context"
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
	// from then on every further one. It is called once, before any other method
	// but Buffer.
	Attach(ctx context.Context, sink Sink, recent int) error
	// Buffer returns the events that the log keeps in memory. Each event is in there
	// before the sink gets it.
	Buffer() *Buffer
	// Append makes the drafts durable, all in one transaction, and says what
	// became of each, in their order. The sink has every new event before Append
	// returns. On an error nothing was kept, unless the error is ctx's own, or says
	// otherwise.
	Append(ctx context.Context, drafts []*Draft) ([]Appended, error)
	// Find returns the event with this id or, where the key is not empty, with
	// this idempotency key; nil if there is none.
	Find(ctx context.Context, id EventID, idempotencyKey string) (*Event, error)
	// Query returns the newest events that match, at most q.Limit, which must not be
	// 0: from the buffer as far as that reaches, then from the rest of the log,
	// without a seam between them.
	Query(ctx context.Context, q Query) (Page, error)
	// After returns events with greater numbers that match, oldest first: some of
	// them, in a stretch of bounded size, from the buffer if that reaches back to them.
	After(ctx context.Context, after Seq, filter Filter) (Stretch, error)
	// Extent describes what the log holds. Its cost does not grow with that.
	Extent(ctx context.Context) (Extent, error)
	// CatchUp returns once the sink has every event that was durable before the call, also
	// those of other replicas.
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
