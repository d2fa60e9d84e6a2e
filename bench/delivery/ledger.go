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

// load describes the alerts of a turn.
type load struct {
	rate int // alerts a second
	// probeEvery is the interval of probes, alerts that open an incident and are measured:
	// 1 is every alert.
	probeEvery int
	// warmUp is the time before the measurement.
	warmUp, duration time.Duration
}

// knownKeys is the number of incidents that the other alerts belong to.
const knownKeys = 100

func (l load) count() int { return int((l.warmUp + l.duration).Seconds() * float64(l.rate)) }

// isProbe reports whether the alert n opens an incident.
func (l load) isProbe(n int) bool { return n%l.probeEvery == 0 }

// isMeasured reports whether the alert n comes after the warm-up.
func (l load) isMeasured(n int) bool { return n >= int(l.warmUp.Seconds()*float64(l.rate)) }

// ledger records when the alerts of one turn were due, sent, answered and delivered. Call
// begin first. Safe for concurrent use.
type ledger struct {
	name     string // prefix of every dedup_key
	load     load
	schedule schedule
	marks    []mark

	missing  atomic.Int64 // probes that have not arrived
	complete chan struct{}
	repeats  atomic.Int64 // webhooks beyond the first for an alert
}

// mark has times since the start of the schedule, in nanoseconds; 0: not yet.
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

// arrived records a webhook about the incident of a dedup_key.
func (l *ledger) arrived(key string, now time.Time) {
	text, ours := strings.CutPrefix(key, l.name+"-new-")
	n, err := strconv.Atoi(text)
	if !ours || err != nil || n < 0 || n >= len(l.marks) {
		return // not a probe
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

// quantilesOf sorts the times. There must be at least one.
func quantilesOf(times []time.Duration) quantiles {
	slices.Sort(times)
	return quantiles{
		p50: figures.Percentile(times, 50), p90: figures.Percentile(times, 90),
		p99: figures.Percentile(times, 99), most: times[len(times)-1],
	}
}

// turn is the result of one server in one round.
type turn struct {
	rate      float64   // alerts answered a second
	fromReply quantiles // from the answer to the webhook
	fromDue   quantiles // from when the alert was due to the webhook
	probes    int
	early     int           // webhooks that arrived before the answer was read
	repeats   int           // webhooks beyond the first for an alert
	late      time.Duration // delay of the generator behind its schedule, p99
	cpu       time.Duration // of the server, for each alert
	rss       int64         // the server's peak, in bytes
}

// sum returns the result of the turn. All alerts must have been answered and all webhooks
// have arrived.
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
