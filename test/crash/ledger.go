package main

import (
	"fmt"
	"slices"
	"sync"
)

// fault is a kind of broken promise.
type fault int

const (
	lost    fault = iota // acknowledged, but missing
	doubled              // there more than once
	untold               // a missing message to a channel
	wrong                // anything else
)

func (f fault) String() string { return [...]string{"lost", "doubled", "untold", "wrong"}[f] }

// finding is one fault with its description.
type finding struct {
	fault  fault
	detail string
}

// entry has the knowledge of one alert.
type entry struct {
	*alert
	attempts     int  // times sent
	registered   int  // times that alertd said it was new
	acknowledged bool // alertd said that it has it
	// id and json are those of the first answer that has them; "" before.
	id, json string
	reported map[fault]bool
}

// ledger records what the clients sent and were answered. Safe for concurrent use.
type ledger struct {
	mu       sync.Mutex
	entries  map[string]*entry // by token
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

// reportOnce adds a finding unless there is the same one.
func (l *ledger) reportOnce(f fault, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := (finding{f, fmt.Sprintf(format, args...)}); !slices.Contains(l.findings, known) {
		l.findings = append(l.findings, known)
	}
}

// addOnce adds the first finding of a kind about an alert. The caller holds the lock.
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

// sending records that a post is about to be sent, for the first time or again.
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

// told is the part of an answer about one alert.
type told struct {
	status   string // registered, duplicate, filtered or rejected
	id, json string // "" if the answer does not have them
}

// answered records the answer to a post, an item for each alert.
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

// checkWhole checks a batch that had no answer so far: its alerts must be all new or all
// known, as a batch is stored in one transaction.
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

// note records the answer about one alert. The caller holds the lock.
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

// pin keeps the data of an event, which never change, and compares them with the alert. The
// caller holds the lock.
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

// repeatable returns the acknowledged posts that alertd must recognise, except for those with
// an alert that is known to be lost.
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

// isAcknowledged reports whether alertd has acknowledged each valid alert of a post. The
// caller holds the lock.
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
