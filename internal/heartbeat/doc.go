// Package heartbeat decides when a component that has gone silent is accused: a dead-man's
// switch.
//
// A [Spec] says how often a component pings. A [State] is what is remembered of it, as
// JSON, and changes by three things alone: [State.Ping] as the component pings,
// [State.Check] as time goes by, and [State.Resume] when alertd was away and could hear
// nobody. Ping and Check also return the alerts that are to be raised.
//
// A component is waited for until it has pinged, alive while it pings in time, missed after
// that, and failing while it pings to say so. It is missed once its Every and Grace have
// passed since its last ping, since alertd came back, or, if it has never pinged, since
// alertd first knew of it: never earlier.
//
// Each miss makes one alert, and so does each time that a component begins to fail. Both
// are one incident, by their dedup_key. The next ping that says all is well makes one alert
// that resolves it. The id of an alert depends on the state that it is made from alone, so
// that an alert which is raised twice is one event.
//
// A clock that steps back accuses nobody, and delays an accusation by Every and Grace at
// most. All functions are pure.
package heartbeat
