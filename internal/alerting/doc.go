// Package alerting is the core of alertd: what an alert is, which alerts are
// kept, and what can be asked about them.
//
// A risk component reports an [Alert]. [Manager.Register] checks it, drops it
// if it is below the configured minimum severity, and otherwise turns it into
// an immutable [Event] with a sequence number. The event goes into the
// [Buffer], a FIFO ring of the most recent events; into the counters behind
// [Stats]; to every live [Subscription] whose [Filter] matches; and, if
// alerting is enabled, to the [Dispatcher].
//
// An event's JSON is encoded once, when it is registered, and written from
// then on. Its context is kept byte for byte as it was sent.
//
// Everything in this package is safe for concurrent use unless its comment
// says otherwise. It knows nothing of HTTP, SQL or files. Errors that a caller
// may decide on are of type [*Error].
package alerting
