// Package logfile writes messages to a file, one line of JSON each: a record of what
// people were told, and a place where alerts still arrive when no network works.
//
// A message is delivered when its line is written and synced to disk. The line is written
// by one call at the end of the file, so that a reader sees whole lines. A message that
// is sent again is the same line again, with the same delivery_id. A line that a full disk
// or a crash has cut short stays where it is; the next one begins on a line of its own.
//
// [Files] lets the channels of one process write a file one at a time. A file belongs to
// one process: two that rotate it at the same moment can lose a line.
//
// # Rotation
//
// Before a line is written that would make the file larger than MaxSize, or whose
// time is at least RotateEvery after that of the file's first line, the file gets another
// name, such as alerts-2026-11-24T10-30-00.000-size.jsonl, and a new one is begun. Then
// backups are deleted that are older than MaxAge or more than MaxBackups.
//
// Others may rotate the file as well. A file that was moved or deleted is noticed before
// the next line is written, which begins a new one; so is a file that was truncated.
// [Channel.Reopen] closes a moved file at once, so that its space is free when it is
// deleted.
package logfile
