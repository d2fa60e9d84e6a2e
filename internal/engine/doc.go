// Package engine folds events into incidents and delivers what is to be told of them.
//
// [Engine.Run] does its work:
//
//   - fold reads the event log after the engine's cursor. One transaction folds a
//     batch of events into incidents, plans deliveries and timers, and moves the cursor,
//     so that each event is folded exactly once, whatever crashes. What can be sent at
//     once is claimed in the same transaction, so that the first send waits for one
//     commit only.
//   - deliver claims what is due on each channel and sends it, at most so much at once
//     and so often as the channel's settings say, and not at all while its breaker is
//     open.
//   - record writes what became of the attempts, and what follows from them: done, again
//     later, or given up and left to the fallback.
//   - expire gives up what has waited too long; report raises an alert about what was
//     given up, through the ordinary path.
//
// The decisions themselves are pure functions of packages incident and delivery; what
// is in between is in the store. Work is found there by a query: that something wakes a
// loop makes it sooner, and nothing depends on it.
//
// Invariants: nothing is sent that a commit does not hold. A delivery is sent by
// whoever has its claim, and again, with the same key, if that process does not record
// what became of it before the claim ends. Of the messages about one incident to one
// channel only the first that waits is claimed, so they go out in their order.
package engine
