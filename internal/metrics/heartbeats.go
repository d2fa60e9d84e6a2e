package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"alertd/internal/heartbeat"
)

// Heartbeats collects how the components do that must be heard of. Each has series as long
// as it is configured. Safe for concurrent use.
type Heartbeats struct {
	source   func() []heartbeat.Heartbeat
	up       *prometheus.Desc
	lastSeen *prometheus.Desc
}

// NewHeartbeats returns the collector of what source returns. source is called in a scrape, so
// it must not wait for long; it returns nil if it cannot find out quickly.
func NewHeartbeats(source func() []heartbeat.Heartbeat) *Heartbeats {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("alertd_heartbeat_"+name, help, []string{"heartbeat"}, nil)
	}
	return &Heartbeats{
		source:   source,
		up:       desc("up", "0 if the component is missed or says that it fails, else 1."),
		lastSeen: desc("last_seen_timestamp_seconds", "When the component pinged last; missing if it never has."),
	}
}

// Describe implements prometheus.Collector.
func (h *Heartbeats) Describe(ch chan<- *prometheus.Desc) {
	ch <- h.up
	ch <- h.lastSeen
}

// Collect implements prometheus.Collector.
func (h *Heartbeats) Collect(ch chan<- prometheus.Metric) {
	for _, one := range h.source() {
		up := 1.0
		if s := one.State.Status; s == heartbeat.Missed || s == heartbeat.Failing {
			up = 0
		}
		ch <- prometheus.MustNewConstMetric(h.up, prometheus.GaugeValue, up, one.Spec.Name)
		if at := one.State.LastSeen; !at.IsZero() {
			ch <- prometheus.MustNewConstMetric(h.lastSeen, prometheus.GaugeValue, float64(at.UnixMilli())/1000, one.Spec.Name)
		}
	}
}
