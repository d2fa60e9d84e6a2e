package metrics_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"alertd/internal/heartbeat"
	"alertd/internal/metrics"
)

func TestHeartbeatsAreUpUntilTheyAreMissedOrFail(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 30, 0, 500e6, time.UTC)
	var all []heartbeat.Heartbeat
	for _, status := range []heartbeat.Status{heartbeat.Waiting, heartbeat.Alive, heartbeat.Failing, heartbeat.Missed} {
		h := heartbeat.Heartbeat{Spec: heartbeat.NewSpec(string(status), time.Minute), State: heartbeat.State{Status: status}}
		if status != heartbeat.Waiting {
			h.State.LastSeen = at
		}
		all = append(all, h)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.NewHeartbeats(func() []heartbeat.Heartbeat { return all }))
	require.Equal(t, map[string]float64{
		`alertd_heartbeat_up{heartbeat="waiting"}`: 1, `alertd_heartbeat_up{heartbeat="alive"}`: 1,
		`alertd_heartbeat_up{heartbeat="failing"}`: 0, `alertd_heartbeat_up{heartbeat="missed"}`: 0,
		`alertd_heartbeat_last_seen_timestamp_seconds{heartbeat="alive"}`:   1772443800.5,
		`alertd_heartbeat_last_seen_timestamp_seconds{heartbeat="failing"}`: 1772443800.5,
		`alertd_heartbeat_last_seen_timestamp_seconds{heartbeat="missed"}`:  1772443800.5,
	}, series(t, registry))
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	require.Empty(t, problems)
	all = nil
	require.Empty(t, series(t, registry), "those that are gone have none")
}

func TestWatchdogSaysWhenItWasHeard(t *testing.T) {
	var at time.Time
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.NewWatchdog(func() time.Time { return at }))
	require.Equal(t, map[string]float64{"alertd_watchdog_last_sent_timestamp_seconds": 0}, series(t, registry))
	at = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	require.Equal(t, map[string]float64{"alertd_watchdog_last_sent_timestamp_seconds": 1772443800}, series(t, registry))
}
