package metrics

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

// Delivery shows what becomes of incidents and of the messages about them. What
// happens is counted as it does; how things stand is taken as one snapshot a scrape.
// Only configured channels have series. Safe for concurrent use.
type Delivery struct {
	source DeliverySource

	mu       sync.RWMutex // held for reading while a series of a channel is counted
	channels []string     // that are configured; never changed in place

	deliveries *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	opened     prometheus.Counter
	notices    *prometheus.CounterVec

	queue     *prometheus.Desc
	oldest    *prometheus.Desc
	up        *prometheus.Desc
	lag       *prometheus.Desc
	incidents *prometheus.Desc
}

// DeliverySource gives the snapshot. It is asked within a scrape, so it must not wait
// for long; what it does not know at once it leaves out.
type DeliverySource interface {
	DeliverySnapshot() DeliverySnapshot
}

// DeliverySnapshot is how things stand.
type DeliverySnapshot struct {
	// Channels has the configured channels; one that is left out has no gauges.
	Channels []ChannelSnapshot
	// Lag is how long ago the oldest event that is not folded yet was registered; 0:
	// there is none, negative: it is not known, and not shown.
	Lag time.Duration
	// Incidents counts the open ones by their status; nil: they are not known, and
	// not shown.
	Incidents map[incident.Status]int
}

// ChannelSnapshot is how one channel does.
type ChannelSnapshot struct {
	Name string
	// Queue is how many deliveries wait or are under way, and OldestWaiting how long
	// ago the first of them was planned; 0: there is none.
	Queue         int
	OldestWaiting time.Duration
	// Health is disabled for a channel that is not to be up.
	Health delivery.Health
}

// outcomes are the label's values: what becomes of a delivery in the end, and each
// attempt that is to be made again.
func outcomes() []string {
	return []string{delivery.Delivered.String(), channel.Transient.String(), delivery.Failed.String(), delivery.Superseded.String()}
}

// reasons are why people are told of an incident; a test tells of none.
func reasons() []incident.Reason {
	return []incident.Reason{incident.Opened, incident.SeverityRaised, incident.Updated, incident.WasAcknowledged, incident.WasResolved}
}

// NewDelivery returns the collector, which has no channels before [Delivery.Configure].
func NewDelivery(source DeliverySource) *Delivery {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("alertd_"+name, help, labels, nil)
	}
	d := &Delivery{
		source: source,
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "alertd_deliveries_total",
			Help: "Deliveries that came to an end (delivered, failed, superseded), and attempts to be made again (transient), by channel.",
		}, []string{"channel", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "alertd_delivery_duration_seconds",
			Help:    "Time that an attempt to deliver took, whatever became of it, by channel.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"channel"}),
		opened: prometheus.NewCounter(prometheus.CounterOpts{Name: "alertd_incidents_opened_total", Help: "Incidents opened."}),
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "alertd_notices_total",
			Help: "What people were to be told of incidents, by reason.",
		}, []string{"reason"}),
		queue:     desc("delivery_queue", "Deliveries that wait or are under way, by channel.", "channel"),
		oldest:    desc("delivery_oldest_waiting_seconds", "Time since the oldest delivery that waits was planned, by channel; 0 if none does.", "channel"),
		up:        desc("channel_up", "1 unless the channel is failing, then 0; a disabled one has no series.", "channel"),
		lag:       desc("dispatch_lag_seconds", "Time since the oldest event that is not folded yet was registered; 0 if there is none."),
		incidents: desc("incidents", "Incidents that are open, by status.", "status"),
	}
	for _, reason := range reasons() {
		d.notices.WithLabelValues(reason.String())
	}
	return d
}

// Configure says which channels there are. Each has its series from here on; those of
// channels that are no more go.
func (d *Delivery) Configure(names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range d.channels {
		if !slices.Contains(names, name) {
			d.deliveries.DeletePartialMatch(prometheus.Labels{"channel": name})
			d.duration.DeleteLabelValues(name)
		}
	}
	d.channels = slices.Clone(names)
	for _, name := range names {
		for _, outcome := range outcomes() {
			d.deliveries.WithLabelValues(name, outcome)
		}
		d.duration.WithLabelValues(name)
	}
}

// Attempted counts one attempt: its time, and its outcome unless that is permanent:
// then the delivery is given up, which is for [Delivery.Finished].
func (d *Delivery) Attempted(name string, outcome channel.Outcome, took time.Duration) {
	d.ifConfigured(name, func() {
		d.duration.WithLabelValues(name).Observe(took.Seconds())
		if outcome == channel.Delivered || outcome == channel.Transient {
			d.deliveries.WithLabelValues(name, outcome.String()).Inc()
		}
	})
}

// Finished counts a delivery that has come to its end otherwise than by being
// delivered: failed or superseded.
func (d *Delivery) Finished(name string, status delivery.Status) {
	if status == delivery.Failed || status == delivery.Superseded {
		d.ifConfigured(name, func() { d.deliveries.WithLabelValues(name, status.String()).Inc() })
	}
}

// ifConfigured counts for a channel unless it is no more: an attempt may end later.
func (d *Delivery) ifConfigured(name string, count func()) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if slices.Contains(d.channels, name) {
		count()
	}
}

func (d *Delivery) configured() []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.channels
}

// Opened counts incidents that were opened.
func (d *Delivery) Opened(incidents int) { d.opened.Add(float64(incidents)) }

// Noticed counts a notice; a test is none.
func (d *Delivery) Noticed(reason incident.Reason) {
	if slices.Contains(reasons(), reason) {
		d.notices.WithLabelValues(reason.String()).Inc()
	}
}

// Describe implements prometheus.Collector.
func (d *Delivery) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range []prometheus.Collector{d.deliveries, d.duration, d.opened, d.notices} {
		c.Describe(ch)
	}
	for _, desc := range []*prometheus.Desc{d.queue, d.oldest, d.up, d.lag, d.incidents} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (d *Delivery) Collect(ch chan<- prometheus.Metric) {
	for _, c := range []prometheus.Collector{d.deliveries, d.duration, d.opened, d.notices} {
		c.Collect(ch)
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	snapshot := d.source.DeliverySnapshot()
	configured := d.configured()
	for _, c := range snapshot.Channels {
		if !slices.Contains(configured, c.Name) {
			continue
		}
		gauge(d.queue, float64(c.Queue), c.Name)
		gauge(d.oldest, c.OldestWaiting.Seconds(), c.Name)
		switch c.Health {
		case delivery.Disabled:
		case delivery.Failing:
			gauge(d.up, 0, c.Name)
		case delivery.Healthy, delivery.Degraded:
			gauge(d.up, 1, c.Name)
		}
	}
	if snapshot.Lag >= 0 {
		gauge(d.lag, snapshot.Lag.Seconds())
	}
	if snapshot.Incidents == nil {
		return
	}
	for _, status := range incident.Statuses() {
		if status.Open() {
			gauge(d.incidents, float64(snapshot.Incidents[status]), status.String())
		}
	}
}
