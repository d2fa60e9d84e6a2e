// Package transfer exports the events of a log to a file, and imports them from a file.
//
// [Export] writes the events of a log in its order. [NDJSON], one event a line as the API
// answers it, is for programs: [Import] reads it into the same log or another one, on any
// kind of database. [CSV] is for people and their spreadsheets.
//
// [Import] keeps the ids of events, when they happened and when they were received. A known
// id is a duplicate, so an interrupted import can be repeated.
//
// Both hold a bounded part of the log in memory, whatever its size.
package transfer
