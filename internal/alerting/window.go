package alerting

import "sort"

// window is what a buffer held at one moment. It is read without the lock, so that events
// may be dropped meanwhile, the oldest first.
type window struct {
	chunks    []*chunk
	base      int // the place of the first slot of chunks[0]
	from, end int // the places that count
}

// window returns the events that are shown, or all that are kept.
func (b *Buffer) window(all bool) window {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := window{chunks: b.chunks, base: b.base, from: b.shown, end: b.end}
	if all {
		w.from = b.kept
	}
	return w
}

// chunk returns the chunk of a place, and whether it gets no more events, so that its
// summary holds.
func (w window) chunk(place int) (c *chunk, full bool) {
	i := (place - w.base) / chunkSize
	return w.chunks[i], i < len(w.chunks)-1
}

func (w window) seq(place int) Seq {
	c, _ := w.chunk(place)
	return c.seqs[place%chunkSize]
}

// oldest returns the sequence number of the oldest event, 0 if there is none.
func (w window) oldest() Seq {
	if w.from == w.end {
		return 0
	}
	return w.seq(w.from)
}

// after returns the place of the first event with a greater sequence number, or the end.
func (w window) after(seq Seq) int {
	return w.from + sort.Search(w.end-w.from, func(i int) bool { return w.seq(w.from+i) > seq })
}

// Recent answers a query from the events that are shown, newest first.
func (b *Buffer) Recent(q Query) Page { return b.window(false).newest(q, newSelector(q.Filter, b)) }

// Query answers a query from all events that are kept, newest first.
func (b *Buffer) Query(q Query) Page { return b.window(true).newest(q, newSelector(q.Filter, b)) }

func (w window) newest(q Query, sel *selector) Page {
	page := Page{Oldest: w.oldest()}
	place := w.end
	if q.Before > 0 {
		place = w.after(q.Before - 1)
	}
	for place > w.from {
		place--
		c, full := w.chunk(place)
		if full && !sel.mayMatch(c) {
			place -= place % chunkSize
			continue
		}
		event, gone := sel.matching(c, place%chunkSize)
		switch {
		case gone: // and what is older, too
			page.Oldest = c.seqs[place%chunkSize] + 1
			return page
		case event == nil:
		case q.Limit > 0 && len(page.Events) == q.Limit:
			page.More = true
			return page
		default:
			page.Events = append(page.Events, event)
		}
	}
	return page
}

// All returns the events that are shown, oldest first.
func (b *Buffer) All() []*Event {
	w, sel := b.window(false), newSelector(Filter{}, b)
	events, _ := w.oldestFirst(w.from, w.end, sel)
	return events
}

// After looks through the events with greater numbers, oldest first, at most as many as
// are asked for. It returns false if events that follow the number are not kept, or if
// there are none.
func (b *Buffer) After(seq Seq, filter Filter, most int) (Stretch, bool) {
	w := b.window(true)
	if w.from == w.end || w.oldest() > seq+1 {
		return Stretch{}, false
	}
	from := w.after(seq)
	if from == w.end {
		return Stretch{}, false
	}
	to := min(w.end, from+most)
	events, whole := w.oldestFirst(from, to, newSelector(filter, b))
	return Stretch{Events: events, From: seq + 1, Through: w.seq(to - 1)}, whole
}

// oldestFirst returns the matching events of some places. It returns false if one of them
// was dropped meanwhile.
func (w window) oldestFirst(from, to int, sel *selector) (events []*Event, whole bool) {
	whole = true
	for place := from; place < to; place++ {
		c, full := w.chunk(place)
		if full && !sel.mayMatch(c) {
			place += chunkSize - 1 - place%chunkSize
			continue
		}
		event, gone := sel.matching(c, place%chunkSize)
		whole = whole && !gone
		if event != nil {
			events = append(events, event)
		}
	}
	return events, whole
}

// between returns the matching events after one number up to another, which was published,
// and whether all of them were there.
func (b *Buffer) between(after, through Seq, filter Filter) ([]*Event, bool) {
	w := b.window(true)
	events, whole := w.oldestFirst(w.after(after), w.after(through), newSelector(filter, b))
	return events, whole && b.reaches(after, through)
}

// reaches reports whether all events after one number up to another are kept.
func (b *Buffer) reaches(after, through Seq) bool {
	oldest := b.window(true).oldest()
	return after == through || 0 < oldest && oldest <= after+1
}

// Get returns the event with this id, if it is shown.
func (b *Buffer) Get(id EventID) (*Event, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	e, ok := b.byID[id]
	if !ok || b.shown == b.end || e.seq < b.at(b.shown).seq {
		return nil, false
	}
	return e, true
}

// Find returns the event with this id, if it is kept.
func (b *Buffer) Find(id EventID) (*Event, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	e, ok := b.byID[id]
	return e, ok
}
