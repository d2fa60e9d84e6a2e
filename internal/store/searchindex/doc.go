// Package searchindex answers "which events of a segment can match".
//
// A segment is a run of SegmentSize numbers. Once all its events are there, a [Builder]
// makes, for each term (a severity with its category, a source, three bytes of a message),
// the slots of the events that have it, and for each zone of zoneSize events the range of
// their timestamps. Ingest itself writes no index, so that a commit touches a few pages
// only, whatever queries need; and what was written is never changed, as events are not.
//
// A message of more than maxIndexedMessage bytes has one term for all its text, which
// every query for a text looks for, too. Segments that were written before that was so
// have no such term, and the text of all their messages: both are read alike.
//
// The terms of a segment are sorted and packed into blocks. In memory there are, for each
// segment, the first term of each block (the directory), the zones, and a filter that
// tells of most terms which segments do not have them: about 12 KiB for 8,192 events. What
// is stored is read through [Blobs]; nothing here knows a database.
//
// The index only ever narrows down: each event that it names is looked at again with the
// filter itself.
package searchindex
