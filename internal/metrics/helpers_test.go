package metrics_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/metrics"
	"alertd/internal/store"
)

// parts are alertd's metrics on one registry, as alertd puts them together.
type parts struct {
	registry *prometheus.Registry
	manager  *alerting.Manager
	http     *metrics.HTTP
	delivery *metrics.Delivery
	refusals *metrics.Refusals
	streams  int
}

// logSource is a log with fixed counts.
type logSource struct{ counts store.Counts }

func (s logSource) Counts() store.Counts { return s.counts }

// deliverySource is an engine with a fixed state.
type deliverySource struct{ snapshot metrics.DeliverySnapshot }

func (s deliverySource) DeliverySnapshot() metrics.DeliverySnapshot { return s.snapshot }

func newParts(tb testing.TB) *parts {
	tb.Helper()
	manager, err := alerting.NewManager(alerting.Config{Enabled: true, MinSeverity: alerting.SeverityWarning, BufferSize: 3}, nil)
	require.NoError(tb, err)
	p := &parts{registry: prometheus.NewPedanticRegistry(), manager: manager}
	p.http = metrics.NewHTTP(p.registry)
	p.delivery = metrics.NewDelivery(deliverySource{})
	p.refusals = metrics.NewRefusals(p.registry)
	p.registry.MustRegister(
		metrics.NewEvents(manager), metrics.NewBuildInfo("v1.2.3", "abc", "go1.26"),
		metrics.NewStreams(func() int { return p.streams }), metrics.NewLog(logSource{}, func() int64 { return 10 }), p.delivery,
		metrics.NewLogRecords(func() uint64 { return 7 }),
	)
	return p
}

// register registers an alert of a source.
func (p *parts) register(tb testing.TB, severity alerting.Severity, category alerting.Category, source string) alerting.Registration {
	tb.Helper()
	result, err := p.manager.Register(tb.Context(), alerting.Alert{Severity: severity, Category: category, Source: source, Message: "breach"})
	require.NoError(tb, err)
	return result
}

// series returns the value of each gathered series, written as
// name{label="value",…}; of a histogram the number of observations.
func series(tb testing.TB, gatherer prometheus.Gatherer) map[string]float64 {
	tb.Helper()
	families, err := gatherer.Gather()
	require.NoError(tb, err)
	values := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			labels := make([]string, 0, len(metric.GetLabel()))
			for _, label := range metric.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
			}
			name := family.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			require.NotContains(tb, values, name)
			values[name] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return values
}

// only returns the series with a prefix.
func only(values map[string]float64, prefix string) map[string]float64 {
	found := maps.Clone(values)
	maps.DeleteFunc(found, func(name string, _ float64) bool { return !strings.HasPrefix(name, prefix) })
	return found
}

// labelNames returns the labels of each family.
func labelNames(tb testing.TB, gatherer prometheus.Gatherer) map[string][]string {
	tb.Helper()
	families, err := gatherer.Gather()
	require.NoError(tb, err)
	names := map[string][]string{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				names[family.GetName()] = append(names[family.GetName()], label.GetName())
			}
		}
		slices.Sort(names[family.GetName()])
		names[family.GetName()] = slices.Compact(names[family.GetName()])
	}
	return names
}
