package metrics_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/metrics"
)

// An alert on a rate needs the series before the first refusal.
func TestEveryRefusalIsThereFromTheStart(t *testing.T) {
	p := newParts(t)
	want := map[string]float64{}
	for _, reason := range []metrics.Refusal{
		metrics.RefusedUnauthenticated, metrics.RefusedForbidden, metrics.RefusedSource, metrics.RefusedOrigin, metrics.RefusedRate,
		metrics.RefusedAddressRate, metrics.RefusedLoginRate, metrics.RefusedConnections, metrics.RefusedPerAddress, metrics.RefusedStreams,
		metrics.RefusedPerClient, metrics.RefusedDepth,
	} {
		want[`alertd_http_refused_total{reason="`+string(reason)+`"}`] = 0
	}
	require.Equal(t, want, only(series(t, p.registry), "alertd_http_refused_total"))
	for _, reason := range []metrics.Refusal{metrics.RefusedSource, metrics.RefusedSource, metrics.RefusedRate, "from outside"} {
		p.refusals.Count(reason)
	}
	want[`alertd_http_refused_total{reason="source"}`], want[`alertd_http_refused_total{reason="rate"}`] = 2, 1
	require.Equal(t, want, only(series(t, p.registry), "alertd_http_refused_total"))
}
