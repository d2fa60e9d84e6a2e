package store

import (
	"context"
	"fmt"

	"alertd/internal/alerting"
	"alertd/internal/store/searchindex"
)

// What is here leads from the events in memory to those in the database. All that reads
// the log takes this way: queries, streams, the fold and the index.

// bufferedEvents is how many of the newest events are kept in memory, if their bytes
// allow: the index may be that far behind.
const bufferedEvents = 4 * searchindex.SegmentSize

func newBuffer() *alerting.Buffer {
	b := alerting.NewBuffer(1)
	b.Keep(bufferedEvents)
	return b
}

// Buffer implements alerting.Log.
func (s *Store) Buffer() *alerting.Buffer { return s.buffer }

// Query implements alerting.Log.
func (s *Store) Query(ctx context.Context, q alerting.Query) (alerting.Page, error) {
	page := s.buffer.Query(q)
	if page.More || page.Oldest == 1 {
		return page, nil
	}
	return s.queryDatabase(ctx, q, page)
}

// After implements alerting.Log. A stretch has at most [readPage] events.
func (s *Store) After(ctx context.Context, after alerting.Seq, filter alerting.Filter) (alerting.Stretch, error) {
	if stretch, some := s.buffer.After(after, filter, readPage); some {
		return stretch, nil
	}
	return s.databaseAfter(ctx, after, filter)
}

// Unfolded is a part of the log that is to be folded.
type Unfolded struct {
	// After is the number before the first one that was looked at, Through the last one.
	After, Through alerting.Seq
	// All are the events in between that can be read, oldest first.
	All []*alerting.Event
	// Events are those of them that people are to be told of.
	Events []*alerting.Event
}

// Unfolded returns what comes after a number: of at most limit events those that people
// are to be told of, and fewer once they have [readBytes].
func (s *Store) Unfolded(ctx context.Context, after alerting.Seq, limit int) (Unfolded, error) {
	through := min(s.publisher.lastPublished(), after+alerting.Seq(limit))
	if through <= after {
		return Unfolded{After: after, Through: after}, nil
	}
	if part, some := s.buffer.After(after, alerting.Filter{}, int(through-after)); some {
		return unfoldedOf(after, part.Through, part.Events), nil
	}
	events, err := s.loadSome(ctx, s.db.upkeep(), readBytes, s.queries.unfolded, after, through)
	if damaged, is := s.setAsideEvent(err); is { // those behind it go on
		through, err = damaged, nil
	} else if sizeOf(events) >= readBytes { // it has stopped there
		through = events[len(events)-1].Seq()
	}
	return unfoldedOf(after, through, events), err
}

// unfoldedOf returns a part of the log, cut short once those of its events that are to be
// folded have [readBytes].
func unfoldedOf(after, through alerting.Seq, events []*alerting.Event) Unfolded {
	u, bytes := Unfolded{After: after, Through: through, All: events}, 0
	for i, event := range events {
		if !event.Dispatch() {
			continue
		}
		u.Events = append(u.Events, event)
		if bytes += len(event.JSON()); bytes >= readBytes {
			u.Through, u.All = event.Seq(), events[:i+1]
			break
		}
	}
	return u
}

// sizeOf returns how many bytes the JSON of events has.
func sizeOf(events []*alerting.Event) (bytes int) {
	for _, event := range events {
		bytes += len(event.JSON())
	}
	return bytes
}

// eachBetween takes all events of a run of numbers, both ends included, in their
// order: from memory if they are there, else a few at a time, as all of them can be
// very much.
func (s *Store) eachBetween(ctx context.Context, first, last alerting.Seq, take func([]*alerting.Event)) error {
	n := int(last - first + 1)
	if part, some := s.buffer.After(first-1, alerting.Filter{}, n); some && len(part.Events) == n {
		take(part.Events)
		return nil
	}
	for next := first; next <= last; {
		some, err := s.loadSome(ctx, s.db.upkeep(), readBytes, s.queries.onFrom, next, min(readPage, int64(last-next+1)))
		if err != nil {
			return err
		}
		if len(some) == 0 || some[0].Seq() != next {
			return fmt.Errorf("event %d is missing", next)
		}
		take(some)
		next += alerting.Seq(len(some))
	}
	return nil
}
