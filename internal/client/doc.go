// Package client asks a running alertd over its HTTP API: [Client.Get] and [Client.Post]
// for one answer, [Client.All] for a list in pages, [Client.Lines] for a long answer, [Client.Follow] for the stream of
// events, and [Sender] for alerts that must arrive.
//
// An answer that is not a success is an [*Error] with what alertd says, and no answer at
// all is an [*UnreachableError]; [Temporary] tells which are worth another try. Answers are
// read to a limit. A redirect is not followed, so the token goes to the address that was
// given and to no other.
package client
