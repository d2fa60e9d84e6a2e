package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/bench/internal/child"
	"alertd/bench/internal/figures"
)

// round returns a round in which alertd and the bare server had these rates.
func round(alertd, bare float64) [serverCount]turn {
	return [serverCount]turn{
		firstServer:  {rate: alertd, cpu: 30 * time.Microsecond, body: 327},
		secondServer: {rate: alertd, cpu: 25 * time.Microsecond, body: 327},
		bareServer:   {rate: bare, cpu: 20 * time.Microsecond, body: 330},
	}
}

func TestRatioComparesWithinEachRound(t *testing.T) {
	r := result{rounds: [][serverCount]turn{round(80, 100), round(45, 50), round(7, 10)}}
	require.Equal(t, figures.Spread{Least: 0.7, Median: 0.8, Greatest: 0.9}, r.ratio(firstServer, requestRate))
	require.Equal(t, figures.Spread{Least: 1.25, Median: 1.25, Greatest: 1.25}, r.ratio(secondServer, cpuTime))
}

func testPlan() plan {
	return newPlan(options{rounds: 1, duration: time.Second, connections: 1})
}

func TestPostgreSQLRunHasTwoReplicas(t *testing.T) {
	require.Equal(t, "two alertd together", namesOf(options{dsn: "postgres://db"})[secondServer])
	s := server{parts: []*child.Child{{Addr: "a"}, {Addr: "b"}}}
	require.Equal(t, []string{"a", "b"}, s.addrs())
}

func TestSyncTakesTime(t *testing.T) {
	took, err := medianSync(t.TempDir())
	require.NoError(t, err)
	require.Positive(t, took)
	_, err = medianSync("/nowhere")
	require.Error(t, err)
}

func TestCheckSizesComparesBodies(t *testing.T) {
	require.NoError(t, testPlan().checkSizes(round(1, 1)))
	unlike := round(1, 1)
	unlike[secondServer].body = 200
	require.ErrorContains(t, testPlan().checkSizes(unlike), "200 bytes from alertd, alerting off and 330 from bare net/http")
}

func TestReportNamesEveryServerAndRatio(t *testing.T) {
	var out strings.Builder
	names := testPlan().names
	measured := round(80, 100)
	measured[firstServer].p50, measured[bareServer].p50 = 600*time.Microsecond, 100*time.Microsecond
	results := []result{{names: names, series: series{1, time.Second}, rounds: [][serverCount]turn{measured}}}
	require.NoError(t, report(&out, results, 300*time.Microsecond, true))
	require.Contains(t, out.String(), "POST /alerts: connections 1, rounds 1, turns of 1s")
	for _, name := range names {
		require.Contains(t, out.String(), name)
	}
	require.Contains(t, out.String(), "alertd / bare net/http: requests/s 0.80 (0.80 to 0.80), CPU 1.50 (1.50 to 1.50)")
	require.Contains(t, out.String(), "with a token, of without: requests/s 1.00 (1.00 to 1.00), CPU 0.83 (0.83 to 0.83)")
	require.Contains(t, out.String(), "p50 of alertd at connections 1 / (bare + one sync): 1.50")
}
