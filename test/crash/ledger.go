package main

import (
	"fmt"
	"slices"
	"sync"
)

// fault is a way in which alertd breaks its promise.
type fault int

const (
	lost    fault = iota // acknowledged, and not there
	doubled              // there more than once
	untold               // an incident that a channel was not told of
	wrong                // anything else
)

func (f fault) String() string { return [...]string{"lost", "doubled", "untold", "wrong"}[f] }

// finding is one thing that is not as it must be.
type finding struct {
	fault  fault
	detail string
}

// entry is what is known of one alert.
type entry struct {
	*alert
	attempts     int  // how often it was sent
	registered   int  // how often alertd said that it was new
	acknowledged bool // alertd said that it has it
	// id and json are as alertd first told them; "" as long as it did not.
	id, json string
	reported map[fault]bool
}

// ledger is the clients' side of the story: what they sent and what they were
// told. Safe for concurrent use.
type ledger struct {
	mu       sync.Mutex
	entries  map[string]*entry // by their tokens
	posts    []*post
	findings []finding
}

func newLedger() *ledger { return &ledger{entries: make(map[string]*entry)} }

// report adds a finding.
func (l *ledger) report(f fault, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(f, format, args...)
}

func (l *ledger) add(f fault, format string, args ...any) {
	l.findings = append(l.findings, finding{f, fmt.Sprintf(format, args...)})
}

// reportOnce adds a finding unless there is the very same.
func (l *ledger) reportOnce(f fault, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := (finding{f, fmt.Sprintf(format, args...)}); !slices.Contains(l.findings, known) {
		l.findings = append(l.findings, known)
	}
}

// addOnce adds a finding about an alert, one of a kind only. Under the lock.
func (l *ledger) addOnce(e *entry, f fault, format string, args ...any) {
	if e.reported[f] {
		return
	}
	if e.reported == nil {
		e.reported = make(map[fault]bool)
	}
	e.reported[f] = true
	l.add(f, "%s: %s", e.token, fmt.Sprintf(format, args...))
}

// sending notes that a post is about to be sent, be it again.
func (l *ledger) sending(p *post) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.entries[p.alerts[0].token]; !known {
		l.posts = append(l.posts, p)
		for _, a := range p.alerts {
			l.entries[a.token] = &entry{alert: a}
		}
	}
	for _, a := range p.alerts {
		l.entries[a.token].attempts++
	}
}

// told is what an answer says of one alert.
type told struct {
	status   string // registered, duplicate, filtered or rejected
	id, json string // "" where the answer does not tell
}

// answered notes what an answer to a post says, an item for each alert.
func (l *ledger) answered(p *post, answer []told) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(answer) != len(p.alerts) {
		l.add(wrong, "%s: the answer is about %d alerts, not %d", p.alerts[0].token, len(answer), len(p.alerts))
		return
	}
	if p.form != single {
		l.checkWhole(p, answer)
	}
	for i, a := range p.alerts {
		l.note(l.entries[a.token], answer[i])
	}
}

// checkWhole wants all alerts of a batch that nobody had an answer to so far to
// be new, or all to be known: a batch is stored in one transaction.
func (l *ledger) checkWhole(p *post, answer []told) {
	first, others := "", 0
	for i, a := range p.alerts {
		e := l.entries[a.token]
		switch {
		case a.refused() || e.acknowledged:
		case first == "":
			first = answer[i].status
		case answer[i].status != first:
			others++
		}
	}
	if others > 0 {
		l.addOnce(l.entries[p.alerts[0].token], wrong, "of a batch that is sent again, alertd had a part: the first is %s, %d are not", first, others)
	}
}

// note takes in what alertd says of one alert. Under the lock.
func (l *ledger) note(e *entry, t told) {
	if e.refused() {
		if t.status != "rejected" {
			l.addOnce(e, wrong, "the answer is %s, it must be rejected", t.status)
		}
		return
	}
	switch t.status {
	case "registered":
		e.registered++
		if e.registered > 1 {
			l.addOnce(e, doubled, "registered once more under the same id or key")
		}
	case "duplicate":
		if e.attempts == 1 {
			l.addOnce(e, wrong, "called a duplicate when it was sent for the first time")
		}
	default:
		l.addOnce(e, wrong, "the answer is %s", t.status)
		return
	}
	e.acknowledged = true
	l.pin(e, t.id, t.json)
}

// pin keeps what is known of an event, which never changes, and compares it with
// its alert. Under the lock.
func (l *ledger) pin(e *entry, id, json string) {
	switch {
	case id == "":
	case e.id == "":
		e.id = id
	case e.id != id:
		l.addOnce(e, wrong, "its id is %s, before it was %s", id, e.id)
	}
	switch {
	case json == "":
	case e.json == "":
		e.json = json
		if difference := e.difference(json); difference != "" {
			l.addOnce(e, wrong, "the event is unlike the alert in %s", difference)
		}
	case e.json != json:
		l.addOnce(e, wrong, "the event is not what it was before%s", parting(json, e.json))
	}
}

// acknowledged returns how many events alertd has promised to keep.
func (l *ledger) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, e := range l.entries {
		if e.acknowledged {
			n++
		}
	}
	return n
}

// repeatable returns the posts that alertd has acknowledged and must know again,
// but for those of which it is known to have lost something.
func (l *ledger) repeatable() []*post {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []*post
	for _, p := range l.posts {
		isLost := func(a *alert) bool { return l.entries[a.token].reported[lost] }
		if p.repeatable() && l.isAcknowledged(p) && !slices.ContainsFunc(p.alerts, isLost) {
			found = append(found, p)
		}
	}
	return found
}

// isAcknowledged reports whether alertd has answered for each alert of a post
// that it takes. Under the lock.
func (l *ledger) isAcknowledged(p *post) bool {
	for _, a := range p.alerts {
		if !a.refused() && !l.entries[a.token].acknowledged {
			return false
		}
	}
	return true
}

// found returns all findings so far.
func (l *ledger) found() []finding {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.findings)
}
