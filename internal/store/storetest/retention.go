package storetest

import "alertd/internal/store"

// keepEvents is a configuration that keeps n events.
func keepEvents(n int) func(*store.Config) {
	return func(c *store.Config) { c.RetentionEvents = n }
}
