package alerting

import (
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The layout of an event's JSON, between its values. What the log holds was
// written by this package, so that it is read back by these alone.
const (
	layoutID         = `{"event_id":"`
	layoutTimestamp  = `","timestamp":"`
	layoutSeverity   = `","severity":"`
	layoutCategory   = `","category":"`
	layoutSource     = `","source":`
	layoutMessage    = `,"message":`
	layoutContext    = `,"context":`
	layoutSeq        = `,"seq":`
	layoutReceivedAt = `,"received_at":"`
	layoutDedupKey   = `,"dedup_key":`
	layoutResolves   = `,"resolves":true`
)

// errNotAnEvent says that a text is not what [Event.JSON] returns.
var errNotAnEvent = errors.New("not an event as alertd writes it")

// LoadEvent reads back what [Event.JSON] returned; dispatch is what [Event.Dispatch]
// returns. It is for texts that alertd wrote itself: it checks the layout and not the
// limits. The error says that the text is something else, so that it was damaged.
func LoadEvent(json string, dispatch bool) (*Event, error) {
	e := &Event{json: json, dispatch: dispatch}
	l := layout{rest: json, ok: true}
	l.skip(layoutID)
	id, err := uuid.Parse(l.until(layoutTimestamp))
	l.check(err)
	e.id = EventID(id)
	e.timestamp = l.time(layoutSeverity)
	l.check(e.severity.UnmarshalText([]byte(l.until(layoutCategory))))
	l.check(e.category.UnmarshalText([]byte(l.until(layoutSource))))
	e.source = l.quoted()
	l.skip(layoutMessage)
	e.message = l.quoted()
	l.skip(layoutContext)
	e.contextStart = len(json) - len(l.rest)
	// Within a string a quote has a backslash before it, so that the last of
	// these is the event's own.
	e.contextEnd = e.contextStart + strings.LastIndex(l.rest, layoutSeq)
	if !l.ok || e.contextEnd < e.contextStart {
		return nil, errNotAnEvent
	}
	l.rest = json[e.contextEnd+len(layoutSeq):]
	e.seq, err = ParseSeq(l.until(layoutReceivedAt))
	l.check(err)
	e.receivedAt = l.time(`"`)
	if rest, found := strings.CutPrefix(l.rest, layoutDedupKey); found {
		l.rest = rest
		e.dedupKey = l.quoted()
	}
	l.rest, e.resolves = strings.CutPrefix(l.rest, layoutResolves)
	if l.rest != "}" || !l.ok {
		return nil, errNotAnEvent
	}
	return e, nil
}

// layout reads a text from left to right. Once something is not there, ok is
// false for good.
type layout struct {
	rest string
	ok   bool
}

func (l *layout) check(err error) { l.ok = l.ok && err == nil }

// skip passes over what must come next.
func (l *layout) skip(text string) {
	rest, found := strings.CutPrefix(l.rest, text)
	l.rest, l.ok = rest, l.ok && found
}

// until returns what comes before the next text, and passes over both.
func (l *layout) until(text string) string {
	before, rest, found := strings.Cut(l.rest, text)
	l.rest, l.ok = rest, l.ok && found
	return before
}

func (l *layout) time(next string) time.Time {
	t, err := time.Parse(timeFormat, l.until(next))
	l.check(err)
	return t.UTC()
}

// quoted reads a JSON string.
func (l *layout) quoted() string {
	end := 1
	for end < len(l.rest) && l.rest[end] != '"' {
		if l.rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(l.rest) || l.rest[0] != '"' {
		l.ok = false
		return ""
	}
	text := unquote([]byte(l.rest[:end+1]))
	l.rest = l.rest[end+1:]
	return string(text)
}
