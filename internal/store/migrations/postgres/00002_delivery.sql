-- +goose Up
-- dispatch says that alerting was enabled when the event was registered: only then
-- does it belong to an incident.
ALTER TABLE events ADD COLUMN dispatch bigint NOT NULL DEFAULT 0;

-- The engine's place in the log. What came before there was an engine is not folded.
INSERT INTO log_cursors (name, seq) SELECT 'engine', coalesce(max(seq), 0) FROM events;

-- One row. A transaction that changes an incident holds it until it ends.
CREATE TABLE engine (
    id        bigint PRIMARY KEY,
    incidents bigint NOT NULL    -- how many were opened: the number of the last one
);
INSERT INTO engine (id, incidents) VALUES (1, 0);

CREATE TABLE incidents (
    number      bigint PRIMARY KEY, -- from 1, in the order of opening
    incident_id uuid    NOT NULL UNIQUE,
    fingerprint text    NOT NULL,
    status      bigint NOT NULL,    -- 1 triggered, 2 acknowledged, 3 resolved
    severity    bigint NOT NULL,
    category    bigint NOT NULL,
    source      text    NOT NULL,
    last_seen   bigint NOT NULL,    -- as all times: microseconds since 1970
    update_due  bigint,
    resolved    bigint,
    state       text    NOT NULL     -- the incident as JSON, with all of the above
);
-- Events that are alike belong to one incident at a time.
CREATE UNIQUE INDEX incidents_open ON incidents (fingerprint) WHERE status < 3;
CREATE INDEX incidents_update_due ON incidents (update_due) WHERE update_due IS NOT NULL;
CREATE INDEX incidents_resolved ON incidents (resolved) WHERE resolved IS NOT NULL;

-- Which incidents events belong to: a row for each part of the log that was folded at
-- once, and one for each incident in it.
CREATE TABLE folds (
    through bigint PRIMARY KEY,     -- the last event's number
    events  bytea  NOT NULL         -- of each event the number's distance from the last one's, and its incident, as varints
);
CREATE TABLE incident_folds (
    incident bigint NOT NULL,
    through  bigint NOT NULL,
    PRIMARY KEY (incident, through)
);

-- The timeline.
CREATE TABLE incident_entries (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident bigint NOT NULL,
    entry    text    NOT NULL
);
CREATE INDEX incident_entries_of ON incident_entries (incident, id);

-- What was to be told.
CREATE TABLE notices (
    incident bigint NOT NULL,
    number   bigint NOT NULL,       -- from 1, in each incident
    notice   text    NOT NULL,
    PRIMARY KEY (incident, number)
);

CREATE TABLE deliveries (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id  uuid    NOT NULL UNIQUE,
    incident     bigint NOT NULL,
    notice       bigint NOT NULL,
    reason       bigint NOT NULL,
    channel      text    NOT NULL,
    status       bigint NOT NULL,   -- 1 waiting or sending, 3 delivered, 4 failed, 5 superseded
    created      bigint NOT NULL,
    due          bigint NOT NULL,
    give_up      bigint NOT NULL,
    finished     bigint,
    attempts     bigint NOT NULL DEFAULT 0,
    claim        uuid,               -- of the attempt under way
    lease        bigint,            -- when the claim ends
    error        text    NOT NULL DEFAULT '',
    thread       text    NOT NULL DEFAULT '',
    fallback_for uuid,
    reported     bigint NOT NULL DEFAULT 0 -- 1: alertd has raised an alert about its failure
);
-- A notice is told once on a channel, and in the order of notices.
CREATE UNIQUE INDEX deliveries_once ON deliveries (incident, channel, notice);
CREATE INDEX deliveries_waiting ON deliveries (channel, due, number) WHERE status = 1;
CREATE INDEX deliveries_line ON deliveries (incident, channel, notice) WHERE status = 1;
CREATE INDEX deliveries_give_up ON deliveries (give_up) WHERE status = 1;
CREATE INDEX deliveries_unreported ON deliveries (number) WHERE status = 4 AND reported = 0;
CREATE INDEX deliveries_finished ON deliveries (status, number) WHERE finished IS NOT NULL;

CREATE TABLE delivery_attempts (
    delivery_id uuid    NOT NULL,
    number      bigint NOT NULL,    -- from 1, of each delivery
    at          bigint NOT NULL,
    took        bigint NOT NULL,    -- microseconds
    outcome     bigint NOT NULL,    -- 1 delivered, 2 transient, 3 permanent
    code        bigint NOT NULL,
    error       text    NOT NULL,
    PRIMARY KEY (delivery_id, number)
);

CREATE TABLE channel_records (
    channel      text    NOT NULL PRIMARY KEY,
    successes    bigint NOT NULL,
    failures     bigint NOT NULL,
    consecutive  bigint NOT NULL,   -- failures since the last success
    last_error   text    NOT NULL,
    last_failure bigint NOT NULL,   -- 0: none
    last_success bigint NOT NULL
);
