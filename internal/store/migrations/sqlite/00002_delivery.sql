-- +goose Up
-- dispatch says that alerting was enabled when the event was registered: only then
-- does it belong to an incident.
ALTER TABLE events ADD COLUMN dispatch INTEGER NOT NULL DEFAULT 0;

-- The engine's place in the log. What came before there was an engine is not folded.
INSERT INTO log_cursors (name, seq) SELECT 'engine', coalesce(max(seq), 0) FROM events;

-- One row. A transaction that changes an incident holds it until it ends.
CREATE TABLE engine (
    id        INTEGER PRIMARY KEY,
    incidents INTEGER NOT NULL    -- how many were opened: the number of the last one
) STRICT;
INSERT INTO engine (id, incidents) VALUES (1, 0);

CREATE TABLE incidents (
    number      INTEGER PRIMARY KEY, -- from 1, in the order of opening
    incident_id BLOB    NOT NULL UNIQUE,
    fingerprint TEXT    NOT NULL,
    status      INTEGER NOT NULL,    -- 1 triggered, 2 acknowledged, 3 resolved
    severity    INTEGER NOT NULL,
    category    INTEGER NOT NULL,
    source      TEXT    NOT NULL,
    last_seen   INTEGER NOT NULL,    -- as all times: microseconds since 1970
    update_due  INTEGER,
    resolved    INTEGER,
    state       TEXT    NOT NULL     -- the incident as JSON, with all of the above
) STRICT;
-- Events that are alike belong to one incident at a time.
CREATE UNIQUE INDEX incidents_open ON incidents (fingerprint) WHERE status < 3;
CREATE INDEX incidents_update_due ON incidents (update_due) WHERE update_due IS NOT NULL;
CREATE INDEX incidents_resolved ON incidents (resolved) WHERE resolved IS NOT NULL;

-- Which incidents events belong to: a row for each part of the log that was folded at
-- once, and one for each incident in it.
CREATE TABLE folds (
    through INTEGER PRIMARY KEY,     -- the last event's number
    events  BLOB    NOT NULL         -- of each event the number's distance from the last one's, and its incident, as varints
) STRICT;
CREATE TABLE incident_folds (
    incident INTEGER NOT NULL,
    through  INTEGER NOT NULL,
    PRIMARY KEY (incident, through)
) STRICT, WITHOUT ROWID;

-- The timeline.
CREATE TABLE incident_entries (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    incident INTEGER NOT NULL,
    entry    TEXT    NOT NULL
) STRICT;
CREATE INDEX incident_entries_of ON incident_entries (incident, id);

-- What was to be told.
CREATE TABLE notices (
    incident INTEGER NOT NULL,
    number   INTEGER NOT NULL,       -- from 1, in each incident
    notice   TEXT    NOT NULL,
    PRIMARY KEY (incident, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id  BLOB    NOT NULL UNIQUE,
    incident     INTEGER NOT NULL,
    notice       INTEGER NOT NULL,
    reason       INTEGER NOT NULL,
    channel      TEXT    NOT NULL,
    status       INTEGER NOT NULL,   -- 1 waiting or sending, 3 delivered, 4 failed, 5 superseded
    created      INTEGER NOT NULL,
    due          INTEGER NOT NULL,
    give_up      INTEGER NOT NULL,
    finished     INTEGER,
    attempts     INTEGER NOT NULL DEFAULT 0,
    claim        BLOB,               -- of the attempt under way
    lease        INTEGER,            -- when the claim ends
    error        TEXT    NOT NULL DEFAULT '',
    thread       TEXT    NOT NULL DEFAULT '',
    fallback_for BLOB,
    reported     INTEGER NOT NULL DEFAULT 0 -- 1: alertd has raised an alert about its failure
) STRICT;
-- A notice is told once on a channel, and in the order of notices.
CREATE UNIQUE INDEX deliveries_once ON deliveries (incident, channel, notice);
CREATE INDEX deliveries_waiting ON deliveries (channel, due, number) WHERE status = 1;
CREATE INDEX deliveries_line ON deliveries (incident, channel, notice) WHERE status = 1;
CREATE INDEX deliveries_give_up ON deliveries (give_up) WHERE status = 1;
CREATE INDEX deliveries_unreported ON deliveries (number) WHERE status = 4 AND reported = 0;
CREATE INDEX deliveries_finished ON deliveries (status, number) WHERE finished IS NOT NULL;

CREATE TABLE delivery_attempts (
    delivery_id BLOB    NOT NULL,
    number      INTEGER NOT NULL,    -- from 1, of each delivery
    at          INTEGER NOT NULL,
    took        INTEGER NOT NULL,    -- microseconds
    outcome     INTEGER NOT NULL,    -- 1 delivered, 2 transient, 3 permanent
    code        INTEGER NOT NULL,
    error       TEXT    NOT NULL,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE channel_records (
    channel      TEXT    NOT NULL PRIMARY KEY,
    successes    INTEGER NOT NULL,
    failures     INTEGER NOT NULL,
    consecutive  INTEGER NOT NULL,   -- failures since the last success
    last_error   TEXT    NOT NULL,
    last_failure INTEGER NOT NULL,   -- 0: none
    last_success INTEGER NOT NULL
) STRICT;
