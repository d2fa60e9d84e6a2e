// Package transfer takes events out of a log into a file, and from a file into a
// log.
//
// [Export] writes what a log holds, in its order. As [NDJSON], one event a line
// as the API answers it, it is for programs: [Import] reads it back, into the same
// log or another, on another kind of database. As [CSV] it is for people and their
// spreadsheets.
//
// [Import] keeps the ids of events, when they happened and when they were received.
// An id that the log knows is a duplicate, so that an import that was
// interrupted is simply repeated.
//
// Both hold a bounded part of the log in memory, whatever its size.
package transfer
