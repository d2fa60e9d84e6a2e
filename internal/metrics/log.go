package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"alertd/internal/store"
)

// Log shows how the event log does. It takes one snapshot a scrape. Safe for
// concurrent use.
type Log struct {
	source           LogSource
	deletedIncidents func() int64
	commits          *prometheus.Desc
	commitTime       *prometheus.Desc
	failures         *prometheus.Desc
	unsettled        *prometheus.Desc
	queueFull        *prometheus.Desc
	deleted          *prometheus.Desc
	incidents        *prometheus.Desc
	queue            *prometheus.Desc
	capacity         *prometheus.Desc
	unindexed        *prometheus.Desc
	writable         *prometheus.Desc
	unreadable       *prometheus.Desc
}

// LogSource gives the snapshot; the cost must not depend on the number of events.
type LogSource interface {
	Counts() store.Counts
}

// NewLog returns the collector of source's numbers, and of how many incidents retention
// has deleted.
func NewLog(source LogSource, deletedIncidents func() int64) *Log {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("alertd_log_"+name, help, nil, nil)
	}
	return &Log{
		source: source, deletedIncidents: deletedIncidents,
		commits:    desc("commits_total", "Transactions with new events that were committed."),
		commitTime: desc("commit_seconds_total", "Time that these transactions took."),
		failures:   desc("failures_total", "Transactions and reads that the database did not do."),
		unsettled:  desc("unsettled_commits_total", "Commits whose outcome was not known at first."),
		queueFull:  desc("queue_full_total", "Requests refused as too many events were waiting to be written."),
		deleted:    desc("deleted_events_total", "Events deleted by retention."),
		incidents:  desc("deleted_incidents_total", "Incidents deleted by retention."),
		queue:      desc("queue_bytes", "Bytes of events that wait to be written."),
		capacity:   desc("queue_capacity_bytes", "Most bytes of events that may wait."),
		unindexed:  desc("unindexed_events", "Newest events that the index has not taken in yet."),
		writable:   desc("writable", "1 if the last write worked, else 0."),
		unreadable: prometheus.NewDesc("alertd_unreadable_rows_total", "Rows of the database that were left out as they cannot be decoded.", []string{"table"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (l *Log) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(l, ch) }

// Collect implements prometheus.Collector.
func (l *Log) Collect(ch chan<- prometheus.Metric) {
	c := l.source.Counts()
	writable := 0.0
	if c.Writable {
		writable = 1
	}
	for _, m := range []struct {
		desc  *prometheus.Desc
		kind  prometheus.ValueType
		value float64
	}{
		{l.commits, prometheus.CounterValue, float64(c.Commits)},
		{l.commitTime, prometheus.CounterValue, c.CommitTime.Seconds()},
		{l.failures, prometheus.CounterValue, float64(c.Failures)},
		{l.unsettled, prometheus.CounterValue, float64(c.Unsettled)},
		{l.queueFull, prometheus.CounterValue, float64(c.QueueFull)},
		{l.deleted, prometheus.CounterValue, float64(c.Deleted)},
		{l.incidents, prometheus.CounterValue, float64(l.deletedIncidents())},
		{l.queue, prometheus.GaugeValue, float64(c.QueueBytes)},
		{l.capacity, prometheus.GaugeValue, float64(c.QueueCapacity)},
		{l.unindexed, prometheus.GaugeValue, float64(c.Unindexed)},
		{l.writable, prometheus.GaugeValue, writable},
	} {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value)
	}
	for table, n := range c.Unreadable {
		ch <- prometheus.MustNewConstMetric(l.unreadable, prometheus.CounterValue, float64(n), table)
	}
}
