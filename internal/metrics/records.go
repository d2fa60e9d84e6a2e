package metrics

import "github.com/prometheus/client_golang/prometheus"

// NewLogRecords returns a counter of the records dropped from alertd's own log. The cost of
// dropped must not depend on their number.
func NewLogRecords(dropped func() uint64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "alertd_log_records_dropped_total", Help: "Records of alertd's own log that were dropped because nobody read it.",
	}, func() float64 { return float64(dropped()) })
}
