// Package audit is the log of who did what: its records, the chain that they make, and
// how that is verified. It is pure: it knows no clock, no database and no HTTP.
//
// An [Entry] says what somebody did. [Seal] makes a [Record] of it: it gets the next
// number, a time and the hash of the record before it, and its own [Hash] covers all of
// that. So a record that was changed, removed or moved later is found by a [Verifier],
// which is given the records in their order.
//
// The hash is the SHA-256 of the record as JSON, without the member "hash", in the
// canonical form of RFC 8785. That is all that a program in another language needs to
// verify the chain.
//
// Who can write to the database can make the whole chain anew, or cut off its end. Neither
// shows in the chain. Both are found with a [Mark], the number and the hash of a record,
// that was noted elsewhere.
package audit
