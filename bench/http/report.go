package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"alertd/bench/internal/figures"
)

// The values that servers are compared by.
func requestRate(t turn) float64 { return t.rate }
func cpuTime(t turn) float64     { return float64(t.cpu) }

// ratio compares a server with the bare one within each round.
func (r result) ratio(server int, value func(turn) float64) figures.Spread {
	return r.ratioTo(bareServer, server, value)
}

// ratioTo compares a server with another one within each round.
func (r result) ratioTo(other, server int, value func(turn) float64) figures.Spread {
	ratios := make([]float64, len(r.rounds))
	for i, round := range r.rounds {
		ratios[i] = value(round[server]) / value(round[other])
	}
	return figures.SpreadOf(ratios)
}

// medianOf returns the median of a server's value over the rounds.
func medianOf[T cmp.Ordered](r result, server int, value func(turn) T) T {
	values := make([]T, len(r.rounds))
	for i, round := range r.rounds {
		values[i] = value(round[server])
	}
	return figures.Median(values)
}

// report prints a table and the ratios for each series, also of the server with a token if there
// is one.
func report(out io.Writer, results []result, sync time.Duration, token bool) error {
	var text bytes.Buffer
	for _, r := range results {
		_, _ = fmt.Fprintf(&text, "\nPOST /alerts: connections %d, rounds %d, turns of %s\n\n", r.series.connections, len(r.rounds), r.series.duration)
		table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', tabwriter.AlignRight)
		_, _ = fmt.Fprintln(table, "server\trequests/s\tp50 ms\tp99 ms\tCPU µs\tgenerator µs\tRSS MiB\tanswer\tbody\t")
		for i, name := range r.names {
			_, _ = fmt.Fprintf(table, "%s\t%.0f\t%.3f\t%.3f\t%.1f\t%.1f\t%.1f\t%d B\t%d B\t\n", name,
				medianOf(r, i, requestRate),
				medianOf(r, i, func(t turn) float64 { return t.p50.Seconds() * 1e3 }),
				medianOf(r, i, func(t turn) float64 { return t.p99.Seconds() * 1e3 }),
				medianOf(r, i, cpuTime)/1e3,
				medianOf(r, i, func(t turn) float64 { return float64(t.generator) / 1e3 }),
				float64(r.rounds[len(r.rounds)-1][i].rss)/(1<<20),
				medianOf(r, i, func(t turn) int { return t.answer }),
				medianOf(r, i, func(t turn) int { return t.body }))
		}
		_ = table.Flush() // to memory
		_, _ = fmt.Fprintln(&text)
		for i := range bareServer {
			_, _ = fmt.Fprintf(&text, "%s / %s: requests/s %s, CPU %s\n", r.names[i], r.names[bareServer],
				r.ratio(i, requestRate), r.ratio(i, cpuTime))
		}
		if token {
			_, _ = fmt.Fprintf(&text, "with a token, of without: requests/s %s, CPU %s\n",
				r.ratioTo(firstServer, secondServer, requestRate), r.ratioTo(firstServer, secondServer, cpuTime))
		}
	}
	lone := results[len(results)-1]
	base := medianOf(lone, bareServer, func(t turn) time.Duration { return t.p50 }) + sync
	got := medianOf(lone, firstServer, func(t turn) time.Duration { return t.p50 })
	_, _ = fmt.Fprintf(&text, "\none sync of the disk: %.3f ms\np50 of alertd at connections %d / (bare + one sync): %.2f\n",
		sync.Seconds()*1e3, lone.series.connections, got.Seconds()/base.Seconds())
	_, err := out.Write(text.Bytes())
	return err
}
