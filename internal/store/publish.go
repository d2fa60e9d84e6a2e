package store

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"alertd/internal/alerting"
)

// publisher hands events to the sink, each once, in the order of their numbers,
// whoever appended them.
type publisher struct {
	store *Store

	mu   sync.Mutex // held while publishing
	sink alerting.Sink
	last uint64 // the last number published

	// own has the ids of the events that are being appended here, by number, until
	// they are published: whoever else reads them, as soon as they are committed,
	// must know where they came from.
	ownMu sync.Mutex
	own   map[uint64]alerting.EventID
}

// expect notes the events that are about to be committed.
func (p *publisher) expect(places []placed) {
	p.ownMu.Lock()
	defer p.ownMu.Unlock()
	for _, place := range places {
		if place.event != nil {
			p.own[place.seq] = place.event.ID()
		}
	}
}

// forget takes back [publisher.expect]: they were not committed.
func (p *publisher) forget(places []placed) {
	p.ownMu.Lock()
	defer p.ownMu.Unlock()
	for _, place := range places {
		delete(p.own, place.seq)
	}
}

// start names the sink and hands it the most recent events, and to the index
// those that it has not taken in yet.
func (p *publisher) start(ctx context.Context, sink alerting.Sink, recent int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sink = sink
	extent, err := p.store.Extent(ctx)
	if err != nil || extent.Last == 0 {
		return err
	}
	most := max(uint64(max(0, recent)), recentCapacity)
	from := p.store.index.firstMissing()
	if n := min(uint64(max(0, recent)), extent.Last); from > extent.Last+1-n {
		from = extent.Last + 1 - n
	}
	if extent.Last >= most {
		from = max(from, extent.Last+1-most)
	}
	p.last = max(from, extent.First) - 1
	return p.catchUp(ctx)
}

// publishOwn publishes events that were just appended here, and were expected.
func (p *publisher) publishOwn(ctx context.Context, events []*alerting.Event) {
	if len(events) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case events[0].Seq() == p.last+1:
		p.publish(events)
		return
	case events[len(events)-1].Seq() <= p.last:
		return // somebody else was faster
	}
	ctx, cancel := context.WithTimeout(ctx, p.store.config.Timeout)
	defer cancel()
	if err := p.catchUp(ctx); err != nil {
		// They are durable, and the follower will bring them.
		p.store.log.Warn("events are registered but not shown yet", "error", err)
	}
}

// catchUpNow publishes everything that is durable.
func (p *publisher) catchUpNow(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, p.store.config.Timeout) // the writer may be waiting
	defer cancel()
	return p.catchUp(ctx)
}

// catchUp reads what comes after the last number, and publishes it. Under the lock.
func (p *publisher) catchUp(ctx context.Context) error {
	for {
		events, err := p.store.readOnFrom(ctx, p.last+1, readPage)
		damaged, isDamaged := errors.AsType[damagedError](err)
		if err != nil && !isDamaged {
			return fmt.Errorf("read new events: %w", err)
		}
		p.publish(events)
		switch {
		case isDamaged: // those that come after it must not wait for ever
			p.store.log.Error("an event is left out", "error", damaged)
			p.last = damaged.seq
		case len(events) < readPage:
			return nil
		}
	}
}

// publish hands over events that come right after the last one. Under the lock.
func (p *publisher) publish(events []*alerting.Event) {
	for len(events) > 0 {
		n, origin := p.run(events)
		p.last = events[n-1].Seq()
		p.store.index.add(events[:n])
		p.sink.Publish(events[:n], origin)
		events = events[n:]
	}
}

// run returns how many of the events, from the first, have the same origin.
func (p *publisher) run(events []*alerting.Event) (int, alerting.Origin) {
	p.ownMu.Lock()
	defer p.ownMu.Unlock()
	own := func(event *alerting.Event) bool {
		id, ok := p.own[event.Seq()]
		return ok && id == event.ID()
	}
	here, n := own(events[0]), 0
	for n < len(events) && own(events[n]) == here {
		delete(p.own, events[n].Seq())
		n++
	}
	if here {
		return n, alerting.OriginHere
	}
	return n, alerting.OriginElsewhere
}
