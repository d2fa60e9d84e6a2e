// Package httpapi is alertd's JSON API over HTTP: the routes, what they accept
// and how they answer. The contract that users read is api/openapi.yaml; a test
// holds this package to it.
//
// A handler returns an error, and one place turns it into a problem document
// (RFC 9457): see problem.go. Answers are encoded before the status goes out, so
// there is no half-written 200. Events are written as the core encoded them.
//
// The package starts no goroutines. [API.Handler] is safe for concurrent use.
package httpapi
