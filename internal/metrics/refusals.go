package metrics

import "github.com/prometheus/client_golang/prometheus"

// Refusal is why a caller was turned away before its request was looked at.
type Refusal string

// The refusals.
const (
	RefusedUnauthenticated Refusal = "unauthenticated"
	RefusedForbidden       Refusal = "forbidden"
	RefusedSource          Refusal = "source"
	RefusedOrigin          Refusal = "origin"
	RefusedRate            Refusal = "rate"
	RefusedAddressRate     Refusal = "address_rate"
	RefusedLoginRate       Refusal = "login_rate"
	RefusedConnections     Refusal = "connections"
	RefusedPerAddress      Refusal = "connections_per_address"
	RefusedStreams         Refusal = "streams"
	RefusedPerClient       Refusal = "streams_per_client"
	RefusedDepth           Refusal = "json_depth"
)

// refusals returns all refusals.
func refusals() []Refusal {
	return []Refusal{
		RefusedUnauthenticated, RefusedForbidden, RefusedSource, RefusedOrigin, RefusedRate, RefusedAddressRate, RefusedLoginRate,
		RefusedConnections, RefusedPerAddress, RefusedStreams, RefusedPerClient, RefusedDepth,
	}
}

// Refusals counts the callers that were turned away, by reason. Safe for concurrent use.
type Refusals struct {
	counters map[Refusal]prometheus.Counter
}

// NewRefusals registers the metric. It panics if it is registered already, which is a mistake
// in the program.
func NewRefusals(registry prometheus.Registerer) *Refusals {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "alertd_http_refused_total",
		Help: "Connections and requests that were refused because of their caller, by reason.",
	}, []string{"reason"})
	registry.MustRegister(refused)
	r := &Refusals{make(map[Refusal]prometheus.Counter)}
	for _, reason := range refusals() {
		r.counters[reason] = refused.WithLabelValues(string(reason))
	}
	return r
}

// Count counts one refusal.
func (r *Refusals) Count(reason Refusal) {
	if counter := r.counters[reason]; counter != nil {
		counter.Inc()
	}
}
