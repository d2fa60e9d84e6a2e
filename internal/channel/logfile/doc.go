// Package logfile writes messages to a file, one line of JSON each: a record of what
// was told, and where alerts still arrive when no network works.
//
// A message is delivered when its line is written and synced to disk. It is written
// by one call, at the end of the file, so that a reader sees whole lines. What is sent
// again is written again, the same line with the same delivery_id. A line that a full disk, or a crash, has cut short
// stays where it is; the next one begins on a line of its own. A file belongs to one
// channel of one alertd: two that rotate it at the same moment can lose a line.
//
// # Rotation
//
// Before a line is written that would make the file larger than MaxSize, or whose
// time is more than RotateEvery after that of the file's first line, the file gets
// another name, such as alerts-2026-11-24T10-30-00.000-size.jsonl, and a new one is
// begun. Then backups are deleted that are older than MaxAge or more than MaxBackups.
//
// Others may rotate it as well. A file that was moved or deleted is seen before the
// next line is written, which begins a new one; [Channel.Reopen] lets go of a moved
// file at once, so that its space is free when it is deleted.
package logfile
