package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"alertd/bench/internal/figures"
)

// load is what comes in during a turn.
type load struct {
	rate int // alerts a second
	// probeEvery is how often an alert opens an incident, which is measured: 1 is each.
	probeEvery int
	// warmUp comes before what is measured.
	warmUp, duration time.Duration
}

// knownKeys is how many incidents those alerts belong to that open none.
const knownKeys = 100

func (l load) count() int { return int((l.warmUp + l.duration).Seconds() * float64(l.rate)) }

// isProbe reports whether the alert n opens an incident.
func (l load) isProbe(n int) bool { return n%l.probeEvery == 0 }

// isMeasured reports whether the alert n comes after the warm-up.
func (l load) isMeasured(n int) bool { return n >= int(l.warmUp.Seconds()*float64(l.rate)) }

// ledger notes when the alerts of one turn were due, sent, answered and told. Safe for
// concurrent use; begin is called before anything is noted.
type ledger struct {
	name     string // begins every dedup_key
	load     load
	schedule schedule
	marks    []mark

	missing  atomic.Int64 // probes that have not arrived
	complete chan struct{}
	repeats  atomic.Int64 // webhooks beyond the first for an alert
}

// mark has times since the schedule's begin, in nanoseconds; 0: not yet.
type mark struct{ sent, answered, arrived atomic.Int64 }

func newLedger(name string, l load) *ledger {
	marks := make([]mark, l.count())
	ledger := &ledger{name: name, load: l, marks: marks, complete: make(chan struct{})}
	for n := range marks {
		if l.isProbe(n) {
			ledger.missing.Add(1)
		}
	}
	return ledger
}

// begin starts the clock.
func (l *ledger) begin(now time.Time) {
	l.schedule = schedule{begin: now, rate: l.load.rate, count: len(l.marks)}
}

// key returns the dedup_key of the alert n.
func (l *ledger) key(n int) string {
	if l.load.isProbe(n) {
		return l.name + "-new-" + strconv.Itoa(n)
	}
	return l.name + "-known-" + strconv.Itoa(n%knownKeys)
}

func (l *ledger) since(now time.Time) int64 { return max(1, int64(now.Sub(l.schedule.begin))) }

func (l *ledger) sent(n int, now time.Time)     { l.marks[n].sent.Store(l.since(now)) }
func (l *ledger) answered(n int, now time.Time) { l.marks[n].answered.Store(l.since(now)) }

// arrived notes a webhook about the incident of a dedup_key.
func (l *ledger) arrived(key string, now time.Time) {
	text, ours := strings.CutPrefix(key, l.name+"-new-")
	n, err := strconv.Atoi(text)
	if !ours || err != nil || n < 0 || n >= len(l.marks) {
		return // of an incident that is not measured
	}
	if !l.marks[n].arrived.CompareAndSwap(0, l.since(now)) {
		l.repeats.Add(1)
		return
	}
	if l.missing.Add(-1) == 0 {
		close(l.complete)
	}
}

// quantiles are of the times of a turn.
type quantiles struct{ p50, p90, p99, most time.Duration }

// quantilesOf sorts the times, of which there must be one.
func quantilesOf(times []time.Duration) quantiles {
	slices.Sort(times)
	return quantiles{
		p50: figures.Percentile(times, 50), p90: figures.Percentile(times, 90),
		p99: figures.Percentile(times, 99), most: times[len(times)-1],
	}
}

// turn is what one server did in one round.
type turn struct {
	rate      float64   // alerts answered a second
	fromReply quantiles // from the answer to the webhook
	fromDue   quantiles // from when the alert was due to the webhook
	probes    int
	early     int           // webhooks that arrived before the answer was read
	repeats   int           // webhooks beyond the first for an alert
	late      time.Duration // by how much the generator was behind its schedule, p99
	cpu       time.Duration // the server's, for each alert
	rss       int64         // the server's most, in bytes
}

// sum returns what came of the turn. All must have been answered and have arrived.
func (l *ledger) sum() (turn, error) {
	t := turn{repeats: int(l.repeats.Load())}
	var reply, due, late []time.Duration
	measured, last := 0, int64(0)
	var first time.Time
	for n := range l.marks {
		m := &l.marks[n]
		sent, answered, arrived := m.sent.Load(), m.answered.Load(), m.arrived.Load()
		if sent == 0 || answered == 0 || l.load.isProbe(n) && arrived == 0 {
			return turn{}, fmt.Errorf("alert %d of %d was not sent, answered or told", n+1, len(l.marks))
		}
		if !l.load.isMeasured(n) {
			continue
		}
		if measured == 0 {
			first = l.schedule.due(n)
		}
		measured++
		last = max(last, answered)
		at := int64(l.schedule.due(n).Sub(l.schedule.begin))
		late = append(late, time.Duration(max(0, sent-at)))
		if !l.load.isProbe(n) {
			continue
		}
		if arrived < answered {
			t.early++
		}
		reply = append(reply, time.Duration(max(0, arrived-answered)))
		due = append(due, time.Duration(max(0, arrived-at)))
	}
	if len(reply) == 0 {
		return turn{}, fmt.Errorf("no alert of %d was measured: the turn is too short", len(l.marks))
	}
	t.rate = float64(measured) / l.schedule.begin.Add(time.Duration(last)).Sub(first).Seconds()
	t.probes = len(reply)
	t.fromReply, t.fromDue, t.late = quantilesOf(reply), quantilesOf(due), quantilesOf(late).p99
	return t, nil
}
