package store

import (
	"context"

	"alertd/internal/alerting"
)

// Unfolded is a part of the log that is to be folded.
type Unfolded struct {
	// Events are those that somebody is to be told of, oldest first.
	Events []*alerting.Event
	// Through is the last number that was looked at.
	Through alerting.Seq
}

// Unfolded returns what comes after a number, at most limit events, and fewer once they
// have [readBytes].
func (s *Store) Unfolded(ctx context.Context, after alerting.Seq, limit int) (Unfolded, error) {
	through := min(s.publisher.lastPublished(), after+alerting.Seq(limit))
	if through <= after {
		return Unfolded{Through: after}, nil
	}
	events, err := s.loadSome(ctx, s.db.upkeep(), readBytes, s.sql(`SELECT seq, json FROM events
		WHERE seq > ? AND seq <= ? AND dispatch = 1 ORDER BY seq`), after, through)
	if damaged, is := s.setAsideEvent(err); is { // those behind it go on
		return Unfolded{Events: events, Through: damaged}, nil
	}
	if sizeOf(events) >= readBytes { // it has stopped there
		through = events[len(events)-1].Seq()
	}
	return Unfolded{events, through}, err
}

// sizeOf returns how many bytes the JSON of events has.
func sizeOf(events []*alerting.Event) (bytes int) {
	for _, event := range events {
		bytes += len(event.JSON())
	}
	return bytes
}
