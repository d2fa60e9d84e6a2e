package metrics_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"alertd/internal/metrics"
	"alertd/internal/store"
)

func TestEachCountOfTheLogHasItsSeries(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.NewLog(logSource{store.Counts{
		Commits: 1, CommitTime: 2 * time.Second, Failures: 3, Unsettled: 4, QueueFull: 5, Deleted: 6,
		QueueBytes: 7, QueueCapacity: 8, Unindexed: 9, Writable: true, Unreadable: map[string]int{"events": 11, "notices": 12},
	}}, func() int64 { return 10 }))
	require.Equal(t, map[string]float64{
		"alertd_log_commits_total":                      1,
		"alertd_log_commit_seconds_total":               2,
		"alertd_log_failures_total":                     3,
		"alertd_log_unsettled_commits_total":            4,
		"alertd_log_queue_full_total":                   5,
		"alertd_log_deleted_events_total":               6,
		"alertd_log_deleted_incidents_total":            10,
		"alertd_log_queue_bytes":                        7,
		"alertd_log_queue_capacity_bytes":               8,
		"alertd_log_unindexed_events":                   9,
		"alertd_log_writable":                           1,
		`alertd_unreadable_rows_total{table="events"}`:  11,
		`alertd_unreadable_rows_total{table="notices"}`: 12,
	}, series(t, registry))
	require.Zero(t, series(t, newParts(t).registry)["alertd_log_writable"])
}

func TestDroppedLogRecordsAreCounted(t *testing.T) {
	require.Equal(t, map[string]float64{"alertd_log_records_dropped_total": 7}, only(series(t, newParts(t).registry), "alertd_log_records"))
}
