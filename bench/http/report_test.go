package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMedianIsTheMiddleValue(t *testing.T) {
	values := []int{9, 1, 5}
	require.Equal(t, 5, median(values))
	require.Equal(t, []int{9, 1, 5}, values, "the argument stays as it is")
	require.Equal(t, 2, median([]int{4, 2, 1, 3}), "the lower one of two")
	require.Equal(t, 7, median([]int{7}))
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	values := make([]time.Duration, 100)
	for i := range values {
		values[i] = time.Duration(i + 1)
	}
	for p, want := range map[float64]time.Duration{0: 1, 1: 1, 50: 50, 99: 99, 99.5: 100, 100: 100} {
		require.Equal(t, want, percentile(values, p), "p%v", p)
	}
	require.Equal(t, time.Duration(4), percentile([]time.Duration{4}, 50))
	require.Equal(t, time.Duration(3), percentile([]time.Duration{1, 2, 3}, 99))
}

// round returns a round in which alertd and the bare server had these rates.
func round(alertd, bare float64) [serverCount]turn {
	return [serverCount]turn{
		defaultLog: {rate: alertd, cpu: 30 * time.Microsecond, body: 327},
		warnLog:    {rate: alertd, cpu: 25 * time.Microsecond, body: 327},
		bareServer: {rate: bare, cpu: 20 * time.Microsecond, body: 330},
	}
}

func TestRatioComparesWithinEachRound(t *testing.T) {
	r := result{rounds: [][serverCount]turn{round(80, 100), round(45, 50), round(7, 10)}}
	require.Equal(t, spread{0.7, 0.8, 0.9}, r.ratio(defaultLog, requestRate))
	require.Equal(t, spread{1.25, 1.25, 1.25}, r.ratio(warnLog, cpuTime))
}

func TestCheckSizesWantsBodiesAlike(t *testing.T) {
	require.NoError(t, checkSizes(round(1, 1)))
	unlike := round(1, 1)
	unlike[warnLog].body = 200
	require.ErrorContains(t, checkSizes(unlike), "200 bytes from alertd, log level warn and 330 from bare net/http")
}

func TestReportNamesEveryServerAndRatio(t *testing.T) {
	var out strings.Builder
	require.NoError(t, report(&out, []result{{series: series{1, time.Second}, rounds: [][serverCount]turn{round(80, 100)}}}))
	require.Contains(t, out.String(), "POST /alerts: connections 1, rounds 1, turns of 1s")
	for _, name := range serverNames {
		require.Contains(t, out.String(), name)
	}
	require.Contains(t, out.String(), "alertd / bare net/http: requests/s 0.80 (0.80 to 0.80), CPU 1.50 (1.50 to 1.50)")
}
