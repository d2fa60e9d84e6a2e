-- +goose Up
-- The transaction that holds the engine's row numbers deliveries.
ALTER TABLE engine ADD COLUMN deliveries INTEGER NOT NULL DEFAULT 0; -- how many were planned: the number of the last one
UPDATE engine SET deliveries = coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'deliveries'), 0);

-- A row whose state cannot be read is set aside: its status is negative then.
DROP INDEX incidents_open;
CREATE UNIQUE INDEX incidents_open ON incidents (fingerprint) WHERE status IN (1, 2);
-- Deliveries of an earlier generation that only ask people to act are void.
ALTER TABLE incidents ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;

-- Everything that waits for a time: one row for each thing that waits, found by one query.
CREATE TABLE timers (
    kind    INTEGER NOT NULL,    -- 1 an incident's reminder, 2 a delivery, 3 an event to be folded again
    subject INTEGER NOT NULL,    -- the number of the incident, the delivery or the event
    due     INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_due ON timers (due);
INSERT INTO timers (kind, subject, due) SELECT 1, number, update_due FROM incidents WHERE update_due IS NOT NULL;
DROP INDEX incidents_update_due;
ALTER TABLE incidents DROP COLUMN update_due;

CREATE TABLE stories (
    number       INTEGER PRIMARY KEY,
    delivery_id  BLOB    NOT NULL UNIQUE,
    incident     INTEGER NOT NULL,
    generation   INTEGER NOT NULL,   -- of the incident, when the notice was made
    notice       INTEGER NOT NULL,
    reason       TEXT    NOT NULL,
    channel      TEXT    NOT NULL,
    target       TEXT    NOT NULL,   -- the address on the channel; '' for the channel as a whole
    status       INTEGER NOT NULL,   -- 1 waiting, 2 sending, 3 delivered, 4 failed, 5 superseded
    ready        INTEGER NOT NULL,   -- 1: waits, is the first in its line, and can be claimed now
    created      INTEGER NOT NULL,
    due          INTEGER NOT NULL,
    give_up      INTEGER NOT NULL,
    finished     INTEGER,
    attempts     INTEGER NOT NULL,
    tried        INTEGER,            -- when the last attempt ended
    claim        BLOB,               -- of the attempt under way
    lease        INTEGER,            -- when the claim ends
    error        TEXT    NOT NULL,
    thread       TEXT    NOT NULL,
    fallback_for BLOB,
    reported     INTEGER NOT NULL    -- 1: alertd has raised an alert about its failure
) STRICT;
INSERT INTO stories
    SELECT number, delivery_id, incident, 1, notice,
        CASE reason WHEN 1 THEN 'opened' WHEN 2 THEN 'severity_raised' WHEN 3 THEN 'updated' WHEN 4 THEN 'acknowledged'
            WHEN 5 THEN 'resolved' WHEN 6 THEN 'test' ELSE '' END,
        channel, '', CASE WHEN status = 1 AND claim IS NOT NULL THEN 2 ELSE status END, 0, created, due, give_up, finished,
        attempts, (SELECT max(a.at + a.took) FROM delivery_attempts a WHERE a.delivery_id = d.delivery_id), claim, lease, error, thread, fallback_for, reported
    FROM deliveries d;
DROP TABLE deliveries;
ALTER TABLE stories RENAME TO deliveries;
-- A target is told of a notice once, in the order of notices.
CREATE UNIQUE INDEX deliveries_once ON deliveries (incident, channel, target, notice);
CREATE INDEX deliveries_ready ON deliveries (channel, due, number) WHERE status = 1 AND ready = 1;
CREATE INDEX deliveries_open ON deliveries (channel, due, number) WHERE status IN (1, 2);
CREATE INDEX deliveries_unreported ON deliveries (number) WHERE status = 4 AND reported = 0;
CREATE INDEX deliveries_finished ON deliveries (status, number) WHERE finished IS NOT NULL;
-- Whatever waits is looked at once, and gets its turn then.
INSERT INTO timers (kind, subject, due)
    SELECT 2, number, coalesce(lease, CAST(unixepoch('subsec') * 1000000 AS INTEGER)) FROM deliveries WHERE status IN (1, 2);

-- The further incidents that a delivery is about.
CREATE TABLE delivery_incidents (
    delivery INTEGER NOT NULL,
    incident INTEGER NOT NULL,
    PRIMARY KEY (delivery, incident)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_incidents_of ON delivery_incidents (incident);

-- What is known of a channel when it is not configured any more.
ALTER TABLE channel_records ADD COLUMN fallback TEXT NOT NULL DEFAULT '';
ALTER TABLE channel_records ADD COLUMN seen INTEGER NOT NULL DEFAULT 0; -- when an alertd that has it said so last
