package metrics_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/metrics"
)

// newDelivery returns the metrics of two channels on a registry of their own.
func newDelivery(tb testing.TB, snapshot metrics.DeliverySnapshot) (*metrics.Delivery, *prometheus.Registry) {
	tb.Helper()
	d := metrics.NewDelivery(deliverySource{snapshot})
	d.Configure([]string{"email", "slack"})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(d)
	return d, registry
}

func TestChannelHasSeriesFromStart(t *testing.T) {
	_, registry := newDelivery(t, metrics.DeliverySnapshot{Lag: -1})
	require.Equal(t, map[string]float64{
		`alertd_deliveries_total{channel="email",outcome="delivered"}`: 0, `alertd_deliveries_total{channel="email",outcome="transient"}`: 0,
		`alertd_deliveries_total{channel="email",outcome="failed"}`: 0, `alertd_deliveries_total{channel="email",outcome="superseded"}`: 0,
		`alertd_deliveries_total{channel="slack",outcome="delivered"}`: 0, `alertd_deliveries_total{channel="slack",outcome="transient"}`: 0,
		`alertd_deliveries_total{channel="slack",outcome="failed"}`: 0, `alertd_deliveries_total{channel="slack",outcome="superseded"}`: 0,
		`alertd_delivery_duration_seconds{channel="email"}`: 0, `alertd_delivery_duration_seconds{channel="slack"}`: 0,
		`alertd_incidents_opened_total`:         0,
		`alertd_notices_total{reason="opened"}`: 0, `alertd_notices_total{reason="severity_raised"}`: 0, `alertd_notices_total{reason="updated"}`: 0,
		`alertd_notices_total{reason="acknowledged"}`: 0, `alertd_notices_total{reason="resolved"}`: 0, `alertd_notices_total{reason="digest"}`: 0,
		`alertd_held_back_total{reason="silence"}`: 0, `alertd_held_back_total{reason="window"}`: 0, `alertd_held_back_total{reason="inhibition"}`: 0,
		`alertd_held_back_total{reason="group_wait"}`: 0, `alertd_held_back_total{reason="storm"}`: 0, `alertd_held_back_total{reason="throttle"}`: 0,
		`alertd_template_failures_total{channel="email"}`: 0, `alertd_template_failures_total{channel="slack"}`: 0,
	}, series(t, registry), "what is not known is not shown")
}

func TestDeliveriesAreCountedByOutcome(t *testing.T) {
	d, registry := newDelivery(t, metrics.DeliverySnapshot{})
	d.Attempted("slack", channel.Transient, time.Second)
	d.Attempted("slack", channel.Transient, time.Second)
	d.Attempted("slack", channel.Delivered, time.Second)
	d.Attempted("email", channel.Permanent, time.Second)
	d.Finished("email", delivery.Failed)
	d.Finished("email", delivery.Superseded) // without an attempt
	d.Opened(3)
	d.Opened(1)
	d.Noticed(incident.Opened)
	d.Noticed(incident.Opened)
	d.Noticed(incident.WasResolved)
	d.TemplateFailed("slack")
	values := series(t, registry)
	for name, want := range map[string]float64{
		`alertd_deliveries_total{channel="slack",outcome="delivered"}`:  1,
		`alertd_deliveries_total{channel="slack",outcome="transient"}`:  2,
		`alertd_deliveries_total{channel="slack",outcome="failed"}`:     0,
		`alertd_deliveries_total{channel="email",outcome="failed"}`:     1,
		`alertd_deliveries_total{channel="email",outcome="superseded"}`: 1,
		`alertd_deliveries_total{channel="email",outcome="transient"}`:  0,
		`alertd_delivery_duration_seconds{channel="slack"}`:             3,
		`alertd_delivery_duration_seconds{channel="email"}`:             1,
		`alertd_incidents_opened_total`:                                 4,
		`alertd_template_failures_total{channel="slack"}`:               1,
		`alertd_template_failures_total{channel="email"}`:               0,
		`alertd_notices_total{reason="opened"}`:                         2,
		`alertd_notices_total{reason="resolved"}`:                       1,
		`alertd_notices_total{reason="updated"}`:                        0,
	} {
		require.Contains(t, values, name)
		require.InDelta(t, want, values[name], 0, name)
	}
}

func TestAttemptTimeIsInSeconds(t *testing.T) {
	d, registry := newDelivery(t, metrics.DeliverySnapshot{})
	d.Configure([]string{"slack"})
	for _, took := range []time.Duration{3 * time.Millisecond, 300 * time.Millisecond, 2 * time.Minute} {
		d.Attempted("slack", channel.Delivered, took)
	}
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP alertd_delivery_duration_seconds Duration of attempts to deliver, whatever the outcome, by channel.
# TYPE alertd_delivery_duration_seconds histogram
alertd_delivery_duration_seconds_bucket{channel="slack",le="0.005"} 1
alertd_delivery_duration_seconds_bucket{channel="slack",le="0.01"} 1
alertd_delivery_duration_seconds_bucket{channel="slack",le="0.025"} 1
alertd_delivery_duration_seconds_bucket{channel="slack",le="0.05"} 1
alertd_delivery_duration_seconds_bucket{channel="slack",le="0.1"} 1
alertd_delivery_duration_seconds_bucket{channel="slack",le="0.25"} 1
alertd_delivery_duration_seconds_bucket{channel="slack",le="0.5"} 2
alertd_delivery_duration_seconds_bucket{channel="slack",le="1"} 2
alertd_delivery_duration_seconds_bucket{channel="slack",le="2.5"} 2
alertd_delivery_duration_seconds_bucket{channel="slack",le="5"} 2
alertd_delivery_duration_seconds_bucket{channel="slack",le="10"} 2
alertd_delivery_duration_seconds_bucket{channel="slack",le="30"} 2
alertd_delivery_duration_seconds_bucket{channel="slack",le="60"} 2
alertd_delivery_duration_seconds_bucket{channel="slack",le="+Inf"} 3
alertd_delivery_duration_seconds_sum{channel="slack"} 120.303
alertd_delivery_duration_seconds_count{channel="slack"} 3
`), "alertd_delivery_duration_seconds"))
}

func TestSnapshotIsShown(t *testing.T) {
	_, registry := newDelivery(t, metrics.DeliverySnapshot{
		Channels: []metrics.ChannelSnapshot{
			{Name: "slack", Queue: 2, OldestWaiting: 90 * time.Second, Health: delivery.Failing},
			{Name: "email", Queue: 3, Health: delivery.Degraded},
			{Name: "gone", Queue: 9, Health: delivery.Healthy},
		},
		Lag: 1500 * time.Millisecond, Incidents: map[incident.Status]int{incident.Acknowledged: 4, incident.Resolved: 7},
	})
	values := series(t, registry)
	for _, prefix := range []string{"alertd_deliveries_total", "alertd_delivery_duration", "alertd_incidents_opened", "alertd_notices", "alertd_template"} {
		for name := range only(values, prefix) {
			delete(values, name)
		}
	}
	require.Equal(t, map[string]float64{
		`alertd_delivery_queue{channel="slack"}`: 2, `alertd_delivery_oldest_waiting_seconds{channel="slack"}`: 90, `alertd_channel_up{channel="slack"}`: 0,
		`alertd_delivery_queue{channel="email"}`: 3, `alertd_delivery_oldest_waiting_seconds{channel="email"}`: 0, `alertd_channel_up{channel="email"}`: 1,
		`alertd_held_back_total{reason="silence"}`: 0, `alertd_held_back_total{reason="window"}`: 0, `alertd_held_back_total{reason="inhibition"}`: 0,
		`alertd_held_back_total{reason="group_wait"}`: 0, `alertd_held_back_total{reason="storm"}`: 0, `alertd_held_back_total{reason="throttle"}`: 0,
		`alertd_dispatch_lag_seconds`: 1.5, `alertd_incidents{status="triggered"}`: 0, `alertd_incidents{status="acknowledged"}`: 4,
	}, values)
}

func TestDisabledChannelIsNeitherUpNorDown(t *testing.T) {
	for health, shown := range map[delivery.Health]int{delivery.Disabled: 0, delivery.Healthy: 1, delivery.Degraded: 1, delivery.Failing: 1} {
		_, registry := newDelivery(t, metrics.DeliverySnapshot{Channels: []metrics.ChannelSnapshot{{Name: "slack", Health: health}}})
		values := series(t, registry)
		require.Len(t, only(values, "alertd_channel_up"), shown, health)
		require.Len(t, only(values, "alertd_delivery_queue"), 1, "its old deliveries may still wait")
	}
}

func TestRemovedChannelHasNoSeries(t *testing.T) {
	d, registry := newDelivery(t, metrics.DeliverySnapshot{Channels: []metrics.ChannelSnapshot{{Name: "slack"}, {Name: "email"}}})
	d.Attempted("slack", channel.Transient, time.Second)
	d.Attempted("email", channel.Transient, time.Second)
	d.Configure([]string{"email", "webhook"})
	d.Attempted("slack", channel.Transient, time.Second) // it was under way
	d.Finished("slack", delivery.Failed)
	d.TemplateFailed("slack")
	values := series(t, registry)
	for name := range values {
		require.NotContains(t, name, "slack")
	}
	require.InDelta(t, 1, values[`alertd_deliveries_total{channel="email",outcome="transient"}`], 0, "what was counted stays")
	require.Contains(t, values, `alertd_deliveries_total{channel="webhook",outcome="failed"}`)
	d.Configure([]string{"slack"})
	require.InDelta(t, 0, series(t, registry)[`alertd_deliveries_total{channel="slack",outcome="transient"}`], 0, "it begins anew")
}

func TestUnknownOutcomeOrReasonMakesNoSeries(t *testing.T) {
	d, registry := newDelivery(t, metrics.DeliverySnapshot{})
	before := series(t, registry)
	d.Finished("slack", delivery.Delivered) // counted with its attempt
	d.Finished("slack", delivery.Waiting)
	d.Finished("fax", delivery.Failed)
	d.Noticed(incident.Test)
	d.Noticed("")
	require.Equal(t, before, series(t, registry))
}

func TestCountingDuringReconfiguration(t *testing.T) {
	d, registry := newDelivery(t, metrics.DeliverySnapshot{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				d.Attempted("email", channel.Transient, time.Millisecond)
				d.Attempted("slack", channel.Transient, time.Millisecond)
			}
		})
	}
	all.Go(func() {
		for i := range 100 {
			d.Configure([][]string{{"email"}, {"email", "slack"}}[i%2])
			series(t, registry)
		}
	})
	all.Wait()
	d.Configure([]string{"email"})
	values := series(t, registry)
	require.InDelta(t, 400, values[`alertd_deliveries_total{channel="email",outcome="transient"}`], 0)
	require.Len(t, only(values, "alertd_deliveries_total"), 4)
}
