package metrics

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

// Delivery collects the metrics of incidents and deliveries. Events of delivery are counted
// as they happen; the current state is one snapshot a scrape. Only configured channels have
// series. Safe for concurrent use.
type Delivery struct {
	source DeliverySource

	mu       sync.RWMutex // held for reading while a series of a channel is counted
	channels []string     // the configured ones; never changed in place

	deliveries *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	opened     prometheus.Counter
	notices    *prometheus.CounterVec
	heldBack   *prometheus.CounterVec
	templates  *prometheus.CounterVec

	queue     *prometheus.Desc
	oldest    *prometheus.Desc
	up        *prometheus.Desc
	lag       *prometheus.Desc
	incidents *prometheus.Desc
}

// DeliverySource returns the snapshot. It is called in a scrape, so it must not wait for
// long; it leaves out what it cannot find out quickly.
type DeliverySource interface {
	DeliverySnapshot() DeliverySnapshot
}

// DeliverySnapshot is the current state.
type DeliverySnapshot struct {
	// Channels are the configured channels. One that is left out has no gauges.
	Channels []ChannelSnapshot
	// Lag is the age of the oldest event that is not folded yet. 0: there is none;
	// negative: unknown, and not shown.
	Lag time.Duration
	// Incidents counts the open incidents by status. nil: unknown, and not shown.
	Incidents map[incident.Status]int
}

// ChannelSnapshot is the state of one channel.
type ChannelSnapshot struct {
	Name string
	// Queue is how many deliveries wait or are under way. OldestWaiting is the age of the
	// oldest; 0: there is none.
	Queue         int
	OldestWaiting time.Duration
	// Health of a channel that is off is disabled.
	Health delivery.Health
}

// outcomes are the values of the label: the final outcomes of deliveries, and transient for
// each attempt that will be repeated.
func outcomes() []string {
	return []string{delivery.Delivered.String(), channel.Transient.String(), delivery.Failed.String(), delivery.Superseded.String()}
}

// reasons are the reasons of notices; a test is not a notice.
func reasons() []incident.Reason {
	return []incident.Reason{incident.Opened, incident.SeverityRaised, incident.Updated, incident.WasAcknowledged, incident.WasResolved, incident.Digested}
}

// NewDelivery returns the collector. It has no channels before [Delivery.Configure].
func NewDelivery(source DeliverySource) *Delivery {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("alertd_"+name, help, labels, nil)
	}
	d := &Delivery{
		source: source,
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "alertd_deliveries_total",
			Help: "Deliveries that ended (delivered, failed, superseded), and attempts that will be repeated (transient), by channel.",
		}, []string{"channel", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "alertd_delivery_duration_seconds",
			Help:    "Duration of attempts to deliver, whatever the outcome, by channel.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"channel"}),
		opened: prometheus.NewCounter(prometheus.CounterOpts{Name: "alertd_incidents_opened_total", Help: "Incidents opened."}),
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "alertd_notices_total",
			Help: "Notices of incidents, by reason.",
		}, []string{"reason"}),
		heldBack: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "alertd_held_back_total",
			Help: "Notices that were held back, by what did so.",
		}, []string{"reason"}),
		templates: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "alertd_template_failures_total",
			Help: "Attempts to deliver whose message has the built-in words, because a template has failed, by channel.",
		}, []string{"channel"}),
		queue:     desc("delivery_queue", "Deliveries that wait or are under way, by channel.", "channel"),
		oldest:    desc("delivery_oldest_waiting_seconds", "Time since the oldest delivery that waits was planned, by channel; 0 if none does.", "channel"),
		up:        desc("channel_up", "1 unless the channel is failing, then 0; a disabled one has no series.", "channel"),
		lag:       desc("dispatch_lag_seconds", "Time since the oldest event that is not folded yet was registered; 0 if there is none."),
		incidents: desc("incidents", "Incidents that are open, by status.", "status"),
	}
	for _, reason := range reasons() {
		d.notices.WithLabelValues(reason.String())
	}
	for _, reason := range routing.HeldReasons() {
		d.heldBack.WithLabelValues(reason)
	}
	return d
}

// Configure sets the channels. It adds the series of new ones and removes those of others.
func (d *Delivery) Configure(names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range d.channels {
		if !slices.Contains(names, name) {
			d.deliveries.DeletePartialMatch(prometheus.Labels{"channel": name})
			d.duration.DeleteLabelValues(name)
			d.templates.DeleteLabelValues(name)
		}
	}
	d.channels = slices.Clone(names)
	for _, name := range names {
		for _, outcome := range outcomes() {
			d.deliveries.WithLabelValues(name, outcome)
		}
		d.duration.WithLabelValues(name)
		d.templates.WithLabelValues(name)
	}
}

// Attempted counts an attempt with its duration and outcome. A permanent outcome is left to
// [Delivery.Finished], as it ends the delivery.
func (d *Delivery) Attempted(name string, outcome channel.Outcome, took time.Duration) {
	d.ifConfigured(name, func() {
		d.duration.WithLabelValues(name).Observe(took.Seconds())
		if outcome == channel.Delivered || outcome == channel.Transient {
			d.deliveries.WithLabelValues(name, outcome.String()).Inc()
		}
	})
}

// Finished counts a delivery that failed or was superseded.
func (d *Delivery) Finished(name string, status delivery.Status) {
	if status == delivery.Failed || status == delivery.Superseded {
		d.ifConfigured(name, func() { d.deliveries.WithLabelValues(name, status.String()).Inc() })
	}
}

// TemplateFailed counts an attempt whose message has the built-in words, because a template
// has failed.
func (d *Delivery) TemplateFailed(name string) {
	d.ifConfigured(name, func() { d.templates.WithLabelValues(name).Inc() })
}

// ifConfigured counts unless the channel was removed: an attempt may end after that.
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

// Opened counts opened incidents.
func (d *Delivery) Opened(incidents int) { d.opened.Add(float64(incidents)) }

// Noticed counts a notice, unless it is a test.
func (d *Delivery) Noticed(reason incident.Reason) {
	if slices.Contains(reasons(), reason) {
		d.notices.WithLabelValues(reason.String()).Inc()
	}
}

// HeldBack counts a notice that was held back.
func (d *Delivery) HeldBack(reason string) {
	if slices.Contains(routing.HeldReasons(), reason) {
		d.heldBack.WithLabelValues(reason).Inc()
	}
}

// Describe implements prometheus.Collector.
func (d *Delivery) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range []prometheus.Collector{d.deliveries, d.duration, d.opened, d.notices, d.heldBack, d.templates} {
		c.Describe(ch)
	}
	for _, desc := range []*prometheus.Desc{d.queue, d.oldest, d.up, d.lag, d.incidents} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (d *Delivery) Collect(ch chan<- prometheus.Metric) {
	for _, c := range []prometheus.Collector{d.deliveries, d.duration, d.opened, d.notices, d.heldBack, d.templates} {
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
