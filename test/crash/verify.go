package main

import (
	"fmt"
	"slices"
	"strings"
)

// verifyLog compares the whole log, newest first, with the clients' records: every
// acknowledged event is there once and unchanged, nothing is there that was not sent, and a
// batch is there as a whole or not at all.
func (l *ledger) verifyLog(log []record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := disorder(log); i > 0 {
		l.add(wrong, "GET /events: seq %d follows seq %d, it must be smaller", log[i].seq, log[i-1].seq)
	}
	ids, tokens := make(map[string]bool, len(log)), make(map[string]bool, len(log))
	for _, r := range log {
		e := l.entries[r.token]
		switch {
		case r.own():
			continue
		case e == nil:
			l.add(wrong, "seq %d: nobody has sent this event: %.300s", r.seq, r.json)
			continue
		case ids[r.id]:
			l.addOnce(e, doubled, "the id %s is in the log twice", r.id)
		case tokens[r.token]:
			l.addOnce(e, doubled, "it is in the log twice, under several ids, one is %s", r.id)
		}
		ids[r.id], tokens[r.token] = true, true
		if e.refused() {
			l.addOnce(e, wrong, "it is in the log, and must be refused")
			continue
		}
		l.pin(e, r.id, r.json)
	}
	for token, e := range l.entries {
		switch {
		case !e.acknowledged:
		case !tokens[token]:
			l.addOnce(e, lost, "acknowledged as event %s, and not in the log", e.id)
		case e.id != "" && !ids[e.id]:
			l.addOnce(e, lost, "acknowledged as event %s, and in the log under another id", e.id)
		}
	}
	for _, p := range l.posts {
		l.verifyWhole(p, tokens)
	}
}

// disorder returns the first position in a log, newest first, where the numbers do not
// descend, or 0.
func disorder(log []record) int {
	for i := 1; i < len(log); i++ {
		if log[i].seq >= log[i-1].seq {
			return i
		}
	}
	return 0
}

// verifyWhole checks that a batch without an answer is in the log as a whole or not at all.
// The caller holds the lock.
func (l *ledger) verifyWhole(p *post, inLog map[string]bool) {
	if p.form == single || l.isAcknowledged(p) {
		return // a missing alert is then reported as lost
	}
	there, taken := 0, 0
	for _, a := range p.alerts {
		if a.refused() {
			continue
		}
		taken++
		if inLog[a.token] {
			there++
		}
	}
	if there > 0 && there < taken {
		l.addOnce(l.entries[p.alerts[0].token], wrong, "of a batch of %d alerts, %d are in the log", taken, there)
	}
}

// verifyStream compares the events that a reader of the stream has seen with the log, newest
// first: they must be the same, up to the last event seen. The reader may be ahead by events
// that alertd has raised since the log was read.
func verifyStream(seen, log []record) []finding {
	for len(seen) > 0 && (len(log) == 0 || lastSeq(seen) > log[0].seq) && seen[len(seen)-1].own() {
		seen = seen[:len(seen)-1]
	}
	upTo := lastSeq(seen)
	want := slices.Clone(log)
	slices.Reverse(want)
	want = slices.DeleteFunc(want, func(r record) bool { return r.seq > upTo })
	for i := range min(len(want), len(seen)) {
		if want[i].alone() != seen[i].alone() {
			return []finding{{wrong, fmt.Sprintf("GET /events/stream: event %d of it is not what GET /events has%s", i+1, parting(seen[i].json, want[i].json))}}
		}
	}
	if len(seen) != len(want) {
		return []finding{{wrong, fmt.Sprintf("GET /events/stream: it has %d events up to seq %d, GET /events has %d", len(seen), upTo, len(want))}}
	}
	return nil
}

// parting shows where a text begins to differ from the expected one.
func parting(got, want string) string {
	const before, most = 40, 200
	from := 0
	for from < min(len(got), len(want)) && got[from] == want[from] {
		from++
	}
	from = max(0, from-before)
	excerpt := func(text string) string {
		return strings.ToValidUTF8(text[from:min(len(text), from+most)], "")
	}
	return fmt.Sprintf(", from byte %d on:\n%s\ninstead of\n%s", from, excerpt(got), excerpt(want))
}

// lastSeq returns the number of the last event, or 0 if there is none.
func lastSeq(records []record) uint64 {
	if len(records) == 0 {
		return 0
	}
	return records[len(records)-1].seq
}

// tally has the numbers of events as the database counts them.
type tally struct {
	events, ids int
	lastSeq     uint64
}

// verifyTally compares the database with the log, newest first.
func verifyTally(in tally, log []record) []finding {
	for len(log) > 0 && log[0].seq > in.lastSeq && log[0].own() { // alertd has raised it since
		log = log[1:]
	}
	want := tally{events: len(log), ids: len(log)}
	if len(log) > 0 {
		want.lastSeq = log[0].seq
	}
	if in == want {
		return nil
	}
	return []finding{{wrong, fmt.Sprintf("the database has %d events with %d ids, the last one is seq %d; GET /events has %d, the last one is seq %d",
		in.events, in.ids, in.lastSeq, want.events, want.lastSeq)}}
}
