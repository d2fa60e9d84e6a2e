// Package engine folds events into incidents and delivers messages about them.
//
// [Engine.Run] runs its loops:
//
//   - fold reads the event log after the engine's cursor. One transaction folds a batch of
//     events into incidents, plans deliveries and timers, and moves the cursor, so that
//     each event is folded exactly once even after a crash. Deliveries that can be sent at
//     once are claimed in the same transaction, so that the first send waits for one commit
//     only. An event that cannot be folded is postponed.
//   - claim claims the ready deliveries of each channel and sends them, within the
//     channel's concurrency and rate, and only a probe while its breaker is half open.
//   - record writes the outcomes of attempts and what follows from them.
//   - timers handles what waits for a time: reminders, the next attempt or the end of a
//     delivery, claims that expire, postponed events.
//   - channels saves which channels there are, and ends the messages of those that no
//     replica has any more.
//   - hear notes that heartbeats can be heard, begins to wait for new ones, and forgets
//     those that are gone. A timer accuses those that are missed.
//   - report raises alerts of alertd's own about failed deliveries and unreadable rows.
//
// [Engine.Explain], [Engine.PreviewSilence] and [Engine.Recipients] rehearse such a turn on a
// snapshot of the database: they change nothing, and hold up none of the loops.
//
// The decisions are pure functions of packages incident and delivery; the state is in the
// store. A loop finds its work there by a query, so that a lost wake-up only delays it.
//
// Invariants: nothing is sent before its claim is committed. A delivery is sent by the
// process that holds its claim, and again, with the same key, if that process has not
// recorded the outcome when the claim expires. Of the messages about one incident to one
// target only the first open one is claimed, so that they go out in order.
package engine
