// Package incident decides how events are folded into incidents, and what people
// are told about them.
//
// Events with the same [Fingerprint] belong to one [Incident] as long as that is
// not resolved. The fold keeps count, and records each change of an incident as an
// [Entry] of its timeline with the reason. A change that people are to hear of is
// also a [Notice], which says what the incident was like at that moment.
//
// What is told: that an incident was opened, that its severity rose, that it was
// acknowledged and resolved, and, while it is open and grows, one update in each
// repeat interval with the number of events since. Everything else is counted.
//
// Everything here is a pure function: it knows no clock, no database and no
// channel, and changes nothing but the incident that it is called on.
package incident
