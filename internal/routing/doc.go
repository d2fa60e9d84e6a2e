// Package routing decides who is told of an incident, when, and why not. It is pure: it
// knows no SQL, no HTTP and no clock.
//
// [Settings] are what the configuration says; [Compile] makes [Rules] of them. The rules
// say by what an event is folded ([Rules.KeyOf]), by which routes it goes ([Rules.PathOf]),
// on which terms people are told of it ([Rules.Terms]), what holds it back as a whole
// ([Rules.Hold]), and what happens on each target of each channel ([Rules.Decide]). The
// answer is one value, the [Decision]: the engine acts on it, the timeline shows it, and
// explain returns it.
//
// People ask two questions, and get the same answers in words: an [Explanation] says what an
// alert would do, and a [Recipient] what a target of a channel knows of an incident.
//
// Something that holds back does so in one of two ways. A silence, a window, an inhibition
// and the wait of a route hold the incident as a whole: its news waits in the incident, and
// is told in one message once nothing holds it any more. A rate limit and a storm hold one
// target: what they let not through is told there in the next digest.
//
// What acknowledges or resolves is held back by nothing: it goes to those who were told.
package routing
