package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"alertd/internal/alerting"
)

// Events collects the core's counts since the start, as one snapshot a scrape. Safe for
// concurrent use.
type Events struct {
	source     TotalsSource
	registered *prometheus.Desc
	filtered   *prometheus.Desc
	rejected   *prometheus.Desc
	duplicate  *prometheus.Desc
	dispatched *prometheus.Desc
	buffered   *prometheus.Desc
	capacity   *prometheus.Desc
	bytes      *prometheus.Desc
	mostBytes  *prometheus.Desc
}

// TotalsSource returns the snapshot. Its cost must not depend on the number of events.
type TotalsSource interface {
	Totals() alerting.Totals
}

// NewEvents returns a collector of the counts of source.
func NewEvents(source TotalsSource) *Events {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("alertd_"+name, help, labels, nil)
	}
	return &Events{
		source:     source,
		registered: desc("events_total", "Events registered, by severity and category.", "severity", "category"),
		filtered:   desc("events_filtered_total", "Alerts below min_severity, which make no event.", "severity", "category"),
		rejected:   desc("alerts_rejected_total", "Alerts that were not accepted, by reason.", "reason"),
		duplicate:  desc("alerts_duplicate_total", "Alerts whose event_id or Idempotency-Key was known."),
		dispatched: desc("events_dispatched_total", "Events given to the dispatcher."),
		buffered:   desc("buffer_events", "Events in the buffer."),
		capacity:   desc("buffer_capacity", "Most events that the buffer keeps."),
		bytes:      desc("buffer_bytes", "Memory that the events in memory take, about."),
		mostBytes:  desc("buffer_capacity_bytes", "Most memory that they may take."),
	}
}

// Describe implements prometheus.Collector.
func (e *Events) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{e.registered, e.filtered, e.rejected, e.duplicate, e.dispatched, e.buffered, e.capacity, e.bytes, e.mostBytes} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector. All 40 pairs of severity and category exist from
// the start.
func (e *Events) Collect(ch chan<- prometheus.Metric) {
	totals := e.source.Totals()
	counter := func(desc *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(desc *prometheus.Desc, n int64) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n))
	}
	for _, s := range alerting.Severities() {
		for _, c := range alerting.Categories() {
			counter(e.registered, totals.Registered[s-1][c-1], s.String(), c.String())
			counter(e.filtered, totals.Filtered[s-1][c-1], s.String(), c.String())
		}
	}
	for reason, n := range totals.Rejected {
		counter(e.rejected, n, reason.String())
	}
	counter(e.duplicate, totals.Duplicate)
	counter(e.dispatched, totals.Dispatched)
	gauge(e.buffered, int64(totals.BufferSize))
	gauge(e.capacity, int64(totals.BufferCapacity))
	gauge(e.bytes, totals.BufferBytes)
	gauge(e.mostBytes, totals.BufferBytesCapacity)
}
