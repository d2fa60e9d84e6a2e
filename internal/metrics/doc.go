// Package metrics holds alertd's Prometheus metrics, in one place so that their names are
// side by side. Nothing is global: each collector goes to the registry that it is given. The
// core does not know of metrics; its numbers are read when Prometheus scrapes.
package metrics
