// Package delivery decides which channels are told of a notice, and what follows
// from an attempt to tell them.
//
// A [Delivery] is one message to one channel about one incident. [Plan] says which
// channels a notice goes to, and why not to the others; [After] what follows from an
// attempt: done, again later, or given up and left to the fallback; [HealthOf] how a
// channel does.
//
// Everything here is a pure function: it knows no clock, no database and no network.
package delivery
