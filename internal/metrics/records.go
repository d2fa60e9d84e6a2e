package metrics

import "github.com/prometheus/client_golang/prometheus"

// NewLogRecords returns the collector of how many records alertd's own log has dropped.
// The cost of dropped must not depend on that number.
func NewLogRecords(dropped func() uint64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "alertd_log_records_dropped_total", Help: "Records of alertd's own log that were dropped, as nobody read it.",
	}, func() float64 { return float64(dropped()) })
}
