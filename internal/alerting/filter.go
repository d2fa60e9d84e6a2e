package alerting

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Filter says which events are wanted. Its parts are combined by and; the
// zero value of a part, an empty list included, lets everything pass.
type Filter struct {
	// MinSeverity is the least severity wanted.
	MinSeverity Severity
	// Categories: any of them.
	Categories []Category
	// Sources: any of them, compared exactly.
	Sources []string
	// Since (inclusive) and Until (exclusive) bound the event's timestamp.
	Since, Until time.Time
	// Text is looked for in the message, ignoring case.
	Text string
}

// Matches reports whether the event is wanted.
func (f Filter) Matches(e *Event) bool {
	switch {
	case e.severity < f.MinSeverity:
		return false
	case len(f.Categories) > 0 && !slices.Contains(f.Categories, e.category):
		return false
	case len(f.Sources) > 0 && !slices.Contains(f.Sources, e.source):
		return false
	case !f.Since.IsZero() && e.timestamp.Before(f.Since):
		return false
	case !f.Until.IsZero() && !e.timestamp.Before(f.Until):
		return false
	}
	return f.Text == "" || containsFold(e.message, f.Text)
}

// key returns a text that filters have in common that want the same in the same words.
func (f Filter) key() string {
	return fmt.Sprintf("%d %d %q %d.%d %d.%d %q", f.MinSeverity, f.Categories, f.Sources, f.Since.Unix(), f.Since.Nanosecond(), f.Until.Unix(), f.Until.Nanosecond(), f.Text)
}

// containsFold reports whether text contains part, ignoring case. For an ASCII
// part it allocates nothing.
func containsFold(text, part string) bool {
	if strings.IndexFunc(part, func(r rune) bool { return r > 127 }) >= 0 {
		return strings.Contains(strings.ToLower(text), strings.ToLower(part))
	}
	lower, upper := asciiCases(part[0])
	for i := 0; i+len(part) <= len(text); i++ {
		if c := text[i]; (c == lower || c == upper) && strings.EqualFold(text[i:i+len(part)], part) {
			return true
		}
	}
	return false
}

func asciiCases(c byte) (lower, upper byte) {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A', c
	case 'a' <= c && c <= 'z':
		return c, c + 'A' - 'a'
	default:
		return c, c
	}
}

// Query asks for recent events, newest first.
type Query struct {
	Filter Filter
	// Limit is the most events wanted; 0 stands for all that the buffer holds.
	Limit int
	// Before, if not 0, asks only for events with a smaller sequence number.
	Before Seq
}

// Page is the answer to a [Query].
type Page struct {
	// Events are the matching ones, newest first.
	Events []*Event
	// More says that at least one further event matches.
	More bool
	// Oldest is the sequence number of the oldest event that could have been
	// found, matching or not; 0 if there was none.
	Oldest Seq
}
