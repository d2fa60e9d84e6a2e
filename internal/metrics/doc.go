// Package metrics holds alertd's Prometheus metrics, in one place so that their
// names are seen side by side. Nothing here is global: each collector goes to
// the registry that it is given. The core knows nothing of metrics; its numbers
// are taken when Prometheus asks.
package metrics
