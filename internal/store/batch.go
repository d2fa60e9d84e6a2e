package store

import "alertd/internal/alerting"

// placed is what became of a draft.
type placed struct {
	// seq is the new event's number; 0 for a duplicate.
	seq alerting.Seq
	// event is the new event.
	event *alerting.Event
	// first is the first event, for one that was in the log before, and same the
	// index of the draft that has the same id or key, for one that is in the same
	// batch.
	first *alerting.Event
	same  int
}

// batch places drafts one after the other, as the log will hold them.
type batch struct {
	drafts []*alerting.Draft
	places []placed
	last   alerting.Seq
	byID   map[alerting.EventID]int
	byKey  map[string]int
}

func newBatch(drafts []*alerting.Draft, last alerting.Seq) *batch {
	return &batch{drafts: drafts, places: make([]placed, len(drafts)), last: last}
}

// place places draft i, which was registered before as first unless that is nil.
func (b *batch) place(i int, first *alerting.Event) {
	draft := b.drafts[i]
	if first != nil {
		b.places[i] = placed{first: first}
		return
	}
	id, key := draft.ID(), draft.IdempotencyKey()
	if draft.IDGiven() {
		if same, ok := b.byID[id]; ok {
			b.places[i] = placed{same: same}
			return
		}
	}
	if same, ok := b.byKey[key]; ok && key != "" {
		b.places[i] = placed{same: same}
		return
	}
	b.last++
	b.places[i] = placed{seq: b.last}
	if draft.IDGiven() {
		if b.byID == nil {
			b.byID = make(map[alerting.EventID]int)
		}
		b.byID[id] = i
	}
	if key != "" {
		if b.byKey == nil {
			b.byKey = make(map[string]int)
		}
		b.byKey[key] = i
	}
}

// freshOf returns the new events.
func freshOf(places []placed) []*alerting.Event {
	fresh := make([]*alerting.Event, 0, len(places))
	for _, place := range places {
		if place.seq > 0 {
			fresh = append(fresh, place.event)
		}
	}
	return fresh
}

// results returns what Append returns.
func results(places []placed) []alerting.Appended {
	appended := make([]alerting.Appended, len(places))
	for i, place := range places {
		switch {
		case place.seq > 0:
			appended[i].Event = place.event
		case place.first != nil:
			appended[i] = alerting.Appended{Event: place.first, Duplicate: true}
		default:
			appended[i] = alerting.Appended{Event: appended[place.same].Event, Duplicate: true}
		}
	}
	return appended
}
