package store

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"alertd/internal/alerting"
	"alertd/internal/store/searchindex"
)

// publisher hands events to the sink, each once, in the order of their numbers, from
// whichever replica they come.
type publisher struct {
	store *Store
	// reading is held while events are read from the log to be published. The writer
	// does not wait for it, unless it has to read itself.
	reading chan struct{}

	mu   sync.Mutex // held while publishing, never while reading
	sink alerting.Sink
	last alerting.Seq // the last number published
	// own has the batches that were appended here, or are about to be, and are not
	// published yet. A reader of the log may be faster than the writer.
	own [][]*alerting.Event
}

func newPublisher(s *Store) *publisher { return &publisher{store: s, reading: make(chan struct{}, 1)} }

// start names the sink and hands it the most recent events, and to the index
// those that it has not taken in yet.
func (p *publisher) start(ctx context.Context, sink alerting.Sink, recent int) error {
	extent, err := p.store.Extent(ctx)
	if err != nil {
		return err
	}
	p.begin(sink, p.firstWanted(extent, recent)-1)
	return p.catchUp(ctx)
}

// firstWanted returns the first number to publish.
func (p *publisher) firstWanted(extent alerting.Extent, recent int) alerting.Seq {
	most := max(alerting.Seq(max(0, recent)), bufferedEvents)
	from := searchindex.FirstOf(p.store.segments.index.Next())
	if n := min(alerting.Seq(max(0, recent)), extent.Last); from > extent.Last+1-n {
		from = extent.Last + 1 - n
	}
	if extent.Last >= most {
		from = max(from, extent.Last+1-most)
	}
	return max(from, extent.First, 1)
}

func (p *publisher) begin(sink alerting.Sink, last alerting.Seq) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sink, p.last = sink, last
}

// expect notes events that are about to be committed here. The writer then calls
// publishOwn or forget, unless nobody knows what became of the commit.
func (p *publisher) expect(events []*alerting.Event) {
	if len(events) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.own = append(p.own, events)
}

// forget takes back the events that were expected last: they were not committed.
func (p *publisher) forget(events []*alerting.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.own = slices.DeleteFunc(p.own, func(batch []*alerting.Event) bool { return len(events) > 0 && batch[0] == events[0] })
}

// publishOwn publishes events that were just appended here.
func (p *publisher) publishOwn(ctx context.Context, events []*alerting.Event) {
	if p.publishNext(events) {
		return
	}
	if err := p.catchUpNow(ctx); err != nil {
		// They are durable, and the follower will bring them.
		p.store.log.Warn("events are registered but not shown yet", "error", err)
	}
}

// publishNext publishes those of the events that are not published yet. It
// returns false if others come before them.
func (p *publisher) publishNext(events []*alerting.Event) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(events) > 0 && events[0].Seq() <= p.last {
		events = events[1:]
	}
	if len(events) == 0 {
		return true
	}
	if events[0].Seq() != p.last+1 {
		return false
	}
	p.publish(events, alerting.OriginHere)
	return true
}

// catchUpNow publishes everything that is durable.
func (p *publisher) catchUpNow(ctx context.Context) error {
	ctx, cancel := p.store.limit(ctx)
	defer cancel()
	return p.catchUp(ctx)
}

// catchUp reads what comes after the last number, and publishes it.
func (p *publisher) catchUp(ctx context.Context) error {
	select {
	case p.reading <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for a turn to read new events: %w", p.store.reading(ctx.Err()))
	}
	defer func() { <-p.reading }()
	for {
		events, err := p.store.readOnFrom(ctx, p.lastPublished()+1, readPage)
		damaged, isDamaged := p.store.setAsideEvent(err)
		if err != nil && !isDamaged {
			return fmt.Errorf("read new events: %w", err)
		}
		p.publishRead(events)
		switch {
		case isDamaged: // those that come after it must not wait for ever
			p.leaveOut(damaged)
		case len(events) < readPage:
			return nil
		}
	}
}

func (p *publisher) lastPublished() alerting.Seq {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *publisher) leaveOut(seq alerting.Seq) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = max(p.last, seq)
}

// publishRead publishes events that were read from the log, save those that
// the writer has published meanwhile.
func (p *publisher) publishRead(events []*alerting.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(events) > 0 && events[0].Seq() <= p.last {
		events = events[1:]
	}
	for len(events) > 0 {
		run, origin := p.run(events)
		p.publish(events[:run], origin)
		events = events[run:]
	}
}

// run returns how many of the events, from the first, have the same origin.
func (p *publisher) run(events []*alerting.Event) (int, alerting.Origin) {
	here := p.isOwn(events[0])
	n := 1
	for n < len(events) && p.isOwn(events[n]) == here {
		n++
	}
	if here {
		return n, alerting.OriginHere
	}
	return n, alerting.OriginElsewhere
}

// isOwn reports whether an event was appended here. Its number alone does not say
// so: what came to nothing leaves its numbers to others.
func (p *publisher) isOwn(event *alerting.Event) bool {
	return slices.ContainsFunc(p.own, func(batch []*alerting.Event) bool {
		i := event.Seq() - batch[0].Seq()
		return 0 <= i && i < alerting.Seq(len(batch)) && batch[i].ID() == event.ID()
	})
}

func (p *publisher) publish(events []*alerting.Event, origin alerting.Origin) {
	p.last = events[len(events)-1].Seq()
	p.own = slices.DeleteFunc(p.own, func(batch []*alerting.Event) bool { return batch[len(batch)-1].Seq() <= p.last })
	p.store.buffer.Append(events...)
	p.sink.Publish(events, origin)
	p.store.segments.published(p.last)
}
