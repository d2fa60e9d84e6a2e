-- +goose Up
-- The log: one row an event, written once. json is the event as it is answered.
CREATE TABLE events (
    seq      bigint PRIMARY KEY, -- from 1, ascending by one
    event_id uuid   NOT NULL UNIQUE,
    received bigint NOT NULL,    -- microseconds since 1970
    json     text   NOT NULL
);

CREATE TABLE idempotency_keys (
    key      text   NOT NULL PRIMARY KEY,
    event_id uuid   NOT NULL,
    at       bigint NOT NULL     -- microseconds since 1970
);
CREATE INDEX idempotency_keys_at ON idempotency_keys (at);

-- The index of the log, derived from it a segment at a time; see index.go.
CREATE TABLE event_segments (
    segment   bigint PRIMARY KEY,
    zones     bytea  NOT NULL,
    directory bytea  NOT NULL,
    presence  bytea  NOT NULL
);
CREATE TABLE event_blocks (
    id   bigint PRIMARY KEY,     -- segment * 65536 + number in the segment
    data bytea  NOT NULL
);

-- Readers of the log that must see each event: retention stops before what the
-- slowest of them has not seen.
CREATE TABLE log_cursors (
    name text   NOT NULL PRIMARY KEY,
    seq  bigint NOT NULL         -- the last event that was seen
);

-- One row, written to find out whether the database can be written.
CREATE TABLE probe (
    id bigint PRIMARY KEY,
    at bigint NOT NULL
);
INSERT INTO probe (id, at) VALUES (1, 0);

-- alertd's clock. A function, so that a test can move it forward.
CREATE FUNCTION alertd_now() RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint';
