// Package store is alertd's durable event log, on SQLite or PostgreSQL.
//
// [Open] brings the schema up to date and returns a [Store], which implements
// alerting.Log. [Store.Run] does its work: one writer takes whatever waits into
// one transaction (group commit), so that throughput grows with concurrency and
// a lone request waits for nobody; on PostgreSQL a follower brings in what other
// replicas append; an indexer keeps up the index that queries need; retention
// deletes what is too old.
//
// Beside an alertd that runs, [OpenReadOnly] reads the log, [Backup] copies an
// SQLite file, and [CheckSchema] tells how the schema stands. These do not write to the
// database; [Migrate] and [Use] are for jobs that do.
//
// What the package promises:
//
//   - Append returns without an error only once the transaction with the events
//     is committed and synced.
//   - Numbers ascend by one from 1 and become visible in order. On SQLite there
//     is one writer; on PostgreSQL a transaction takes an advisory lock before it
//     reads the last number, and holds it until it has ended.
//   - An event's id is in the log once. A commit whose outcome is not known, as
//     the connection was lost, is settled by asking for the ids under that lock.
//   - The sink gets each event once, in order, from whichever replica it comes.
//   - The index and the keys can be lost without losing an event.
//
// The same suite, storetest, holds both databases to it. Package work keeps its tables in
// the same database, by [Store.Transact].
package store
