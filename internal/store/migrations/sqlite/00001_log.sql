-- +goose Up
-- The log: one row an event, written once. json is the event as it is answered.
CREATE TABLE events (
    seq      INTEGER PRIMARY KEY, -- from 1, ascending by one
    event_id BLOB    NOT NULL UNIQUE,
    received INTEGER NOT NULL,    -- microseconds since 1970
    json     TEXT    NOT NULL
) STRICT;

CREATE TABLE idempotency_keys (
    key      TEXT    NOT NULL PRIMARY KEY,
    event_id BLOB    NOT NULL,
    at       INTEGER NOT NULL     -- microseconds since 1970
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_at ON idempotency_keys (at);

-- The index of the log, derived from it a segment at a time; see index.go.
CREATE TABLE event_segments (
    segment   INTEGER PRIMARY KEY,
    zones     BLOB NOT NULL,
    directory BLOB NOT NULL,
    presence  BLOB NOT NULL
) STRICT;
CREATE TABLE event_blocks (
    id   INTEGER PRIMARY KEY,     -- segment * 65536 + number in the segment
    data BLOB NOT NULL
) STRICT;

-- Readers of the log that must see each event: retention stops before what the
-- slowest of them has not seen.
CREATE TABLE log_cursors (
    name TEXT    NOT NULL PRIMARY KEY,
    seq  INTEGER NOT NULL         -- the last event that was seen
) STRICT;

-- One row, written to find out whether the database can be written.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT;
INSERT INTO probe (id, at) VALUES (1, 0);
