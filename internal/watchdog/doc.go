// Package watchdog tells a service outside, again and again, that alertd works. That
// service raises the alarm when it hears nothing: what watches over alarms cannot be
// relied on to tell of its own end.
//
// A [Watchdog] sends a message every so often, and only while each [Proof] has shown
// progress since the last one that arrived. A process that hangs, a database that takes
// nothing, or a loop that makes no headway sends nothing. Progress is a count that has gone
// up, so that a clock that is set makes no difference. While something is missing it looks
// again every second, so that a message is late by no more than what was missing.
//
// What was missing is in [Watchdog.Ready] as long as it is, and in the next message that is
// sent. A service outside that does not answer is tried again soon. That makes alertd not
// unready: it works.
//
// The URL is a secret: with it, anybody could say that alertd works.
package watchdog
