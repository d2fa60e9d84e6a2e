// Package incident decides how events are folded into incidents, and which changes people
// are notified of.
//
// Events with the same [Fingerprint] belong to one [Incident] until it is resolved. The
// fold counts them, and records each change of an incident with its reason as an [Entry] of
// the timeline. A change that people are notified of also makes a [Notice], a snapshot of
// the incident at that moment.
//
// Notices are made when an incident is opened, when its severity rises, and when it is
// acknowledged or resolved. While it is open and grows, there is one update in each repeat
// interval with the number of events since. All other events are only counted.
//
// All functions are pure: they use no clock, database or channel, and change only the
// incident that they are called on.
package incident
