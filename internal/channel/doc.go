// Package channel is the ways out: what a message about an incident is, how it
// reads, and what may become of it.
//
// A folder below has each kind of channel: its Config with a Validate, its New, and
// a [Channel]. [Outbound] is what they have to talk HTTP with, and channeltest holds
// all of them to the same rules:
//
//   - Send tries once, within ctx, and says what became of it as a [Result]: whether
//     trying again may help is the kind's to say, when to do so is the engine's.
//   - A message that is sent again has the same [Notification.Key], so that the
//     receiver can tell.
//   - No secret is in a Result or an error, also none that the other side quotes.
//   - What is too long for the other side is cut at a character's boundary, and
//     marked; a message is never refused for its size.
package channel
