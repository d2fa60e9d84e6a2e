// Package work keeps what the engine works on: incidents with their timelines and
// notices, deliveries, and the timers of all that waits.
//
// The package keeps no rule. A transaction ([Tx]) loads what the pure packages incident
// and delivery decide about, and saves what they have changed: a [Changes] is written
// with one statement a table. It runs on SQLite and PostgreSQL alike.
//
// A row that cannot be decoded is set aside: it is counted, logged and reported once, and
// what stands behind it goes on.
//
// On PostgreSQL locks are taken in one order, so that transactions wait for each other
// and never in a circle: first the engine's row ([Work.InTurn]), then deliveries in the
// order of their numbers.
package work
