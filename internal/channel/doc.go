// Package channel is the ways out: what a message about an incident is, how it
// reads, and what may become of it.
//
// [Render] makes the text of a message, once and for all kinds. Each folder below has
// one kind of channel: its Config with a Validate, its New, and a [Channel] that lays the
// text out for its target. The configuration may have words of its own for title and body:
// see package template. Package outbound is what they talk HTTP with, and channeltest
// holds all of them to the same rules:
//
//   - Send tries once, within ctx, and returns the outcome as a [Result]. The kind decides
//     whether another attempt may help, the engine when to make it.
//   - A message that is sent again has the same [Notification.Key], so that the
//     receiver can tell.
//   - No secret is in a Result's Error or in any other error, even if the other side
//     quotes it.
//   - What is too long for the other side is cut at a character's boundary, and
//     marked; a message is never refused for its size.
package channel
