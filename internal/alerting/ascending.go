package alerting

import (
	"context"
	"fmt"
)

// EventsAfter returns the oldest events with greater numbers that match, oldest first,
// at most limit, which must not be 0. The page's Oldest is not set. The error is the
// log's.
func (m *Manager) EventsAfter(ctx context.Context, after Seq, filter Filter, limit int) (Page, error) {
	var page Page
	for {
		stretch, err := m.log.After(ctx, after, filter)
		if err != nil {
			return Page{}, fmt.Errorf("query the log: %w", err)
		}
		for _, event := range stretch.Events {
			if len(page.Events) == limit {
				page.More = true
				return page, nil
			}
			page.Events = append(page.Events, event)
		}
		if stretch.Through <= after { // the log's end
			return page, nil
		}
		after = stretch.Through
	}
}
