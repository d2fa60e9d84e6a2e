package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"alertd/bench/internal/figures"
)

// The goals.
const (
	leastRatio = 0.8
	// leastRatioStreams is that of a turn with streams, and without attackers.
	leastRatioStreams = 0.9
	mostMemory        = 400 << 20 // bytes
	mostHealth        = 100 * time.Millisecond
)

// result is what was measured.
type result struct {
	options options
	rounds  []round
	peak    int64 // bytes: the most memory that alertd had
}

// leastRatio is the goal of the alerts/s attacked against alone.
func (o options) leastRatio() float64 {
	if o.streams > 0 && o.idle+o.slow == 0 {
		return leastRatioStreams
	}
	return leastRatio
}

func alone(r round) turn    { return r.alone }
func attacked(r round) turn { return r.attacked }

// medianOf returns the median of a value over the rounds.
func medianOf[T cmp.Ordered](r result, of func(round) turn, value func(turn) T) T {
	values := make([]T, len(r.rounds))
	for i, round := range r.rounds {
		values[i] = value(of(round))
	}
	return figures.Median(values)
}

// ratio compares the alerts/s under attack with those alone, within each round.
func (r result) ratio() figures.Spread {
	ratios := make([]float64, len(r.rounds))
	for i, round := range r.rounds {
		ratios[i] = round.attacked.rate / round.alone.rate
	}
	return figures.SpreadOf(ratios)
}

// slowest returns the greatest time of /healthz under attack.
func (r result) slowest(of func(round) turn) time.Duration {
	var slowest time.Duration
	for _, round := range r.rounds {
		health := of(round).health
		slowest = max(slowest, health[len(health)-1])
	}
	return slowest
}

func (r result) print(out io.Writer) error {
	var text bytes.Buffer
	o := r.options
	_, _ = fmt.Fprintf(&text, "POST /alerts: connections %d, rounds %d, turns of %s; attackers: %d idle connections, %d slow clients; %d streams\n\n", o.connections, o.rounds, o.duration, o.idle, o.slow, o.streams)
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "alertd\trequests/s\tp50 ms\tp99 ms\t/healthz p50 ms\tp99 ms\tmax ms\tRSS MiB\tCPU µs an alert\t")
	for _, row := range []struct {
		name string
		of   func(round) turn
	}{{"alone", alone}, {"attacked", attacked}} {
		ms := func(value func(turn) time.Duration) float64 { return medianOf(r, row.of, value).Seconds() * 1e3 }
		_, _ = fmt.Fprintf(table, "%s\t%.0f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.0f\t%.1f\t\n", row.name,
			medianOf(r, row.of, func(t turn) float64 { return t.rate }),
			ms(func(t turn) time.Duration { return t.p50 }), ms(func(t turn) time.Duration { return t.p99 }),
			ms(func(t turn) time.Duration { return figures.Percentile(t.health, 50) }),
			ms(func(t turn) time.Duration { return figures.Percentile(t.health, 99) }),
			r.slowest(row.of).Seconds()*1e3,
			float64(medianOf(r, row.of, func(t turn) int64 { return t.rss }))/(1<<20),
			ms(func(t turn) time.Duration { return t.cpu })*1e3)
	}
	_ = table.Flush() // to memory
	cuts := 0
	for _, round := range r.rounds {
		cuts += round.cuts
	}
	_, _ = fmt.Fprintf(&text, "\nrequests/s attacked / alone: %s; goal: at least %.1f\n", r.ratio(), o.leastRatio())
	_, _ = fmt.Fprintf(&text, "most memory: %.0f MiB; goal: less than %d MiB\n", float64(r.peak)/(1<<20), mostMemory>>20)
	_, _ = fmt.Fprintf(&text, "slowest /healthz attacked: %.1f ms; goal: at most %d ms\n", r.slowest(attacked).Seconds()*1e3, mostHealth.Milliseconds())
	if o.streams > 0 {
		got := make([]float64, len(r.rounds))
		for i, round := range r.rounds {
			got[i] = round.streamed
		}
		_, _ = fmt.Fprintf(&text, "events that each stream got in a turn: %s\n", figures.SpreadOf(got))
	}
	_, _ = fmt.Fprintf(&text, "slow clients were cut off %d times\n", cuts)
	_, err := out.Write(text.Bytes())
	return err
}

// check returns which goals were missed.
func (r result) check() error {
	var missed []error
	if got := r.ratio().Median; got < r.options.leastRatio() {
		missed = append(missed, fmt.Errorf("alertd takes %.2f of its requests/s under attack, it must be at least %.1f", got, r.options.leastRatio()))
	}
	if r.peak >= mostMemory {
		missed = append(missed, fmt.Errorf("alertd takes %d MiB of memory, it must be less than %d", r.peak>>20, mostMemory>>20))
	}
	if got := r.slowest(attacked); got > mostHealth {
		missed = append(missed, fmt.Errorf("/healthz takes %s, it must be at most %s", got, mostHealth))
	}
	return errors.Join(missed...)
}
