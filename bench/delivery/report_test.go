package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// took is a turn with all its times in proportion to its p99 in ms.
func took(p99 int) turn {
	d := time.Duration(p99) * time.Millisecond
	q := quantiles{p50: d / 10, p90: d / 2, p99: d, most: 2 * d}
	return turn{
		rate: 999, fromReply: q, fromDue: quantiles{p50: 2 * q.p50, p90: 2 * q.p90, p99: 2 * q.p99, most: 2 * q.most},
		probes: 50, early: 1, late: time.Millisecond, cpu: 70 * time.Microsecond, rss: int64(p99) << 20,
	}
}

func TestPercentilesAreOfOneTurn(t *testing.T) {
	times := make([]time.Duration, 1000)
	for i := range times {
		times[i] = time.Duration(1000 - i)
	}
	require.Equal(t, quantiles{p50: 500, p90: 900, p99: 990, most: 1000}, quantilesOf(times))
}

func TestLatencyIsTheMedianOfTheRoundsBesideItsGoal(t *testing.T) {
	var out strings.Builder
	rounds := [][]turn{{took(20), took(1)}, {took(10), took(3)}, {took(14), took(2)}}
	l := load{rate: 1000, probeEvery: 20, duration: 5 * time.Second}
	require.NoError(t, reportLatency(&out, l, []string{"alertd, SQLite", "bare relay"}, rounds))
	text := out.String()
	require.Contains(t, text, "1000 alerts/s, 50 of them open an incident:")
	require.Contains(t, text, "| alertd, SQLite, from the answer | 1.40 | 7.00 | 14.00 | 40.00 |\n| goal | 3.00: met | | 15.00: met | |\n")
	require.Contains(t, text, "| alertd, SQLite, from when it was due | 2.80 | 14.00 | 28.00 | 80.00 |\n")
	require.Contains(t, text, "| bare relay, from the answer | 0.20 | 1.00 | 2.00 | 6.00 |\n")
	require.Contains(t, text, "- alertd, SQLite: 3 turns of 5s, 999 alerts/s, 150 webhooks measured, 3 of them before the answer was read; 0 repeats; "+
		"the generator was up to 1.00 ms behind its schedule (p99); 70 µs of CPU an alert, 20 MiB at most\n")
	require.Equal(t, 1, strings.Count(text, "goal"), "the yardstick has none")

	out.Reset()
	require.NoError(t, reportLatency(&out, load{rate: 1000, probeEvery: 1}, []string{"alertd, SQLite"}, [][]turn{{took(40)}}))
	require.Contains(t, out.String(), "each opens an incident")
	require.Contains(t, out.String(), "| goal | 3.00: missed | | 15.00: missed | |")
}

func TestStormIsComparedWithinEachRound(t *testing.T) {
	round := func(with, without float64, lag time.Duration) stormRound {
		return stormRound{
			with:    storm{rate: with, lag: lag, told: lag + time.Second, messages: 100, peak: 50 << 20, cpu: 20 * time.Microsecond},
			without: storm{rate: without, peak: 40 << 20, cpu: 8 * time.Microsecond},
		}
	}
	var out strings.Builder
	rounds := []stormRound{round(80, 100, time.Second), round(45, 50, 3*time.Second), round(70, 100, 2*time.Second)}
	require.NoError(t, reportStorm(&out, "SQLite", 200_000, rounds))
	text := out.String()
	require.Contains(t, text, "| alerts/s posted | 70 | 100 | |")
	require.Contains(t, text, "| their ratio | 0.80 (0.70 to 0.90) | | |")
	require.Contains(t, text, "| s from the last answer until all is folded | 2.00 (1.00 to 3.00) | | 2: met |")
	require.Contains(t, text, "| s from the last answer until all is told | 3.00 (2.00 to 4.00) | | |")
	require.Contains(t, text, "| memory at most, MiB | 50 | 40 | |")
	require.Contains(t, text, "| CPU an alert, µs | 20.0 | 8.0 | |")
	require.Contains(t, text, "| messages told | 100 | | |")

	out.Reset()
	require.NoError(t, reportStorm(&out, "SQLite", 200_000, []stormRound{round(1, 1, 2100*time.Millisecond)}))
	require.Contains(t, out.String(), "| 2: missed |")
}

func TestDeadChannelIsJudgedByRatioOfMedians(t *testing.T) {
	var out strings.Builder
	l := load{rate: 100, probeEvery: 1, duration: 5 * time.Second}
	require.NoError(t, reportDead(&out, l, "SQLite", [][]turn{{took(10), took(10)}, {took(11), took(5)}, {took(60), took(20)}}, 24))
	text := out.String()
	require.Contains(t, text, "| dead, each attempt times out after 1 s | 1.10 | 5.50 | 11.00 | 120.00 |")
	require.Contains(t, text, "| disabled | 1.00 | 5.00 | 10.00 | 40.00 |")
	require.Contains(t, text, "- p99 / p99: 1.10; goal 1.10: met; of each round: 2.20 (1.00 to 3.00)")
	require.Contains(t, text, "- attempts on the dead channel: 24")

	out.Reset()
	require.NoError(t, reportDead(&out, l, "SQLite", [][]turn{{took(12), took(10)}}, 24))
	require.Contains(t, out.String(), "goal 1.10: missed")
}
