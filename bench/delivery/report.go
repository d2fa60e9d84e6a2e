package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"time"

	"alertd/bench/internal/figures"
)

// ms shows a time in milliseconds.
func ms(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()*1e3) }

// verdict says whether a goal is met.
func verdict(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}

// medianOf returns the median of a value over the rounds.
func medianOf[R any, T cmp.Ordered](rounds []R, value func(R) T) T {
	values := make([]T, len(rounds))
	for i, r := range rounds {
		values[i] = value(r)
	}
	return figures.Median(values)
}

// overRounds combines the quantiles of the turns.
func overRounds(turns []turn, of func(turn) quantiles) quantiles {
	q := quantiles{
		p50: medianOf(turns, func(t turn) time.Duration { return of(t).p50 }),
		p90: medianOf(turns, func(t turn) time.Duration { return of(t).p90 }),
		p99: medianOf(turns, func(t turn) time.Duration { return of(t).p99 }),
	}
	for _, t := range turns {
		q.most = max(q.most, of(t).most)
	}
	return q
}

func fromReply(t turn) quantiles { return t.fromReply }
func fromDue(t turn) quantiles   { return t.fromDue }

// turnsOf returns the turns of one contender.
func turnsOf(rounds [][]turn, contender int) []turn {
	turns := make([]turn, len(rounds))
	for i, round := range rounds {
		turns[i] = round[contender]
	}
	return turns
}

func row(out io.Writer, name string, q quantiles) {
	_, _ = fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", name, ms(q.p50), ms(q.p90), ms(q.p99), ms(q.most))
}

// details describes further results of a contender's turns.
func details(out io.Writer, name string, turns []turn, l load) {
	probes, early, repeats, late, rss := 0, 0, 0, time.Duration(0), int64(0)
	for _, t := range turns {
		probes, early, repeats = probes+t.probes, early+t.early, repeats+t.repeats
		late, rss = max(late, t.late), max(rss, t.rss)
	}
	_, _ = fmt.Fprintf(out, "- %s: %d turns of %s, %.0f alerts/s, %d webhooks measured, %d of them before the answer was read; %d repeats; "+
		"the generator was up to %s ms behind its schedule (p99); %d µs of CPU an alert, %.0f MiB at most\n",
		name, len(turns), l.duration, medianOf(turns, func(t turn) float64 { return t.rate }), probes, early, repeats,
		ms(late), medianOf(turns, func(t turn) time.Duration { return t.cpu }).Microseconds(), float64(rss)/(1<<20))
}

// reportLatency prints the latencies of alertd and the yardstick, alertd first.
func reportLatency(out io.Writer, l load, names []string, rounds [][]turn) error {
	var text bytes.Buffer
	what := fmt.Sprintf("%d of them open an incident", l.rate/l.probeEvery)
	if l.probeEvery == 1 {
		what = "each opens an incident"
	}
	_, _ = fmt.Fprintf(&text, "\n%d alerts/s, %s:\n\n| from ... to the webhook | p50 ms | p90 ms | p99 ms | max ms |\n|---|---|---|---|---|\n", l.rate, what)
	for i, name := range names {
		turns := turnsOf(rounds, i)
		row(&text, name+", from the answer", overRounds(turns, fromReply))
		if i == 0 {
			got := overRounds(turns, fromReply)
			_, _ = fmt.Fprintf(&text, "| goal | %s: %s | | %s: %s | |\n", ms(goalP50), verdict(got.p50 <= goalP50), ms(goalP99), verdict(got.p99 <= goalP99))
		}
		row(&text, name+", from when it was due", overRounds(turns, fromDue))
	}
	_, _ = fmt.Fprintln(&text)
	for i, name := range names {
		details(&text, name, turnsOf(rounds, i), l)
	}
	_, err := out.Write(text.Bytes())
	return err
}

// reportStorm prints the results of the storms.
func reportStorm(out io.Writer, database string, events int, rounds []stormRound) error {
	with := func(value func(storm) float64) figures.Spread {
		values := make([]float64, len(rounds))
		for i, r := range rounds {
			values[i] = value(r.with)
		}
		return figures.SpreadOf(values)
	}
	ratios := make([]float64, len(rounds))
	messages := 0
	for i, r := range rounds {
		ratios[i] = r.with.rate / r.without.rate
		messages = max(messages, r.with.messages)
	}
	seconds := func(d time.Duration) float64 { return d.Seconds() }
	lag, told := with(func(s storm) float64 { return seconds(s.lag) }), with(func(s storm) float64 { return seconds(s.told) })
	peak := func(s storm) float64 { return float64(s.peak) / (1 << 20) }
	cpu := func(s storm) float64 { return float64(s.cpu.Nanoseconds()) / 1e3 }
	without := func(value func(storm) float64) float64 {
		return medianOf(rounds, func(r stormRound) float64 { return value(r.without) })
	}
	rate := func(s storm) float64 { return s.rate }

	var text bytes.Buffer
	_, _ = fmt.Fprintf(&text, "\nA storm of %d events that make %d incidents, in batches of %d over %d connections, %s, %d rounds:\n\n",
		events, incidents, batchSize, stormConnections, database, len(rounds))
	_, _ = fmt.Fprint(&text, "| what | alerting enabled | disabled | goal |\n|---|---|---|---|\n")
	_, _ = fmt.Fprintf(&text, "| alerts/s posted | %.0f | %.0f | |\n", with(rate).Median, without(rate))
	_, _ = fmt.Fprintf(&text, "| their ratio | %s | | |\n", figures.SpreadOf(ratios))
	_, _ = fmt.Fprintf(&text, "| alerts/s folded, from the first POST on | %.0f | | |\n", with(func(s storm) float64 { return s.folded(events) }).Median)
	_, _ = fmt.Fprintf(&text, "| s from the last answer until all is folded | %s | | %.0f: %s |\n", lag, goalLag.Seconds(), verdict(lag.Median <= goalLag.Seconds()))
	_, _ = fmt.Fprintf(&text, "| s from the last answer until all is told | %s | | |\n", told)
	_, _ = fmt.Fprintf(&text, "| memory at most, MiB | %.0f | %.0f | |\n", with(peak).Greatest, without(peak))
	_, _ = fmt.Fprintf(&text, "| CPU an alert, µs | %.1f | %.1f | |\n", with(cpu).Median, without(cpu))
	_, _ = fmt.Fprintf(&text, "| incidents | %d | | %d |\n| messages told | %d | | |\n", incidents, incidents, messages)
	_, err := out.Write(text.Bytes())
	return err
}

// reportDead prints the latency of a channel with and without a dead one beside it.
func reportDead(out io.Writer, l load, database string, rounds [][]turn, attempts int) error {
	with, without := turnsOf(rounds, 0), turnsOf(rounds, 1)
	p99 := func(t turn) time.Duration { return t.fromReply.p99 }
	growth := medianOf(with, p99).Seconds() / medianOf(without, p99).Seconds()
	ratios := make([]float64, len(rounds))
	for i := range rounds {
		ratios[i] = p99(with[i]).Seconds() / p99(without[i]).Seconds()
	}
	var text bytes.Buffer
	_, _ = fmt.Fprintf(&text, "\n%d incidents/s open on %s, told on one channel while another one is dead; from the answer to the webhook:\n\n", l.rate, database)
	_, _ = fmt.Fprint(&text, "| the other channel | p50 ms | p90 ms | p99 ms | max ms |\n|---|---|---|---|---|\n")
	row(&text, "dead, each attempt times out after 1 s", overRounds(with, fromReply))
	row(&text, "disabled", overRounds(without, fromReply))
	_, _ = fmt.Fprintf(&text, "\n- p99 / p99: %.2f; goal %.2f: %s; of each round: %s\n", growth, goalGrowth, verdict(growth <= goalGrowth), figures.SpreadOf(ratios))
	_, _ = fmt.Fprintf(&text, "- attempts on the dead channel: %d\n", attempts)
	details(&text, "dead", with, l)
	details(&text, "disabled", without, l)
	_, err := out.Write(text.Bytes())
	return err
}
