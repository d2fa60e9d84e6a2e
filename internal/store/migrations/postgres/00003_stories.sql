-- +goose Up
-- The transaction that holds the engine's row numbers deliveries.
ALTER TABLE engine ADD COLUMN deliveries bigint NOT NULL DEFAULT 0; -- how many were planned: the number of the last one
UPDATE engine SET deliveries = (SELECT coalesce(max(number), 0) FROM deliveries);
UPDATE engine SET deliveries = greatest(deliveries, nextval(pg_get_serial_sequence('deliveries', 'number')) - 1);
ALTER TABLE deliveries ALTER COLUMN number DROP IDENTITY;

-- A row whose state cannot be read is set aside: its status is negative then.
DROP INDEX incidents_open;
CREATE UNIQUE INDEX incidents_open ON incidents (fingerprint) WHERE status IN (1, 2);
-- Deliveries of an earlier generation that only ask people to act are void.
ALTER TABLE incidents ADD COLUMN generation bigint NOT NULL DEFAULT 1;

-- Everything that waits for a time: one row for each thing that waits, found by one query.
CREATE TABLE timers (
    kind    bigint NOT NULL,    -- 1 an incident's reminder, 2 a delivery, 3 an event to be folded again
    subject bigint NOT NULL,    -- the number of the incident, the delivery or the event
    due     bigint NOT NULL,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX timers_due ON timers (due);
INSERT INTO timers (kind, subject, due) SELECT 1, number, update_due FROM incidents WHERE update_due IS NOT NULL;
ALTER TABLE incidents DROP COLUMN update_due;

ALTER TABLE deliveries
    ADD COLUMN generation bigint NOT NULL DEFAULT 1,   -- of the incident, when the notice was made
    ADD COLUMN target     text   NOT NULL DEFAULT '',  -- the address on the channel; '' for the channel as a whole
    ADD COLUMN ready      bigint NOT NULL DEFAULT 0,   -- 1: waits, is the first in its line, and can be claimed now
    ADD COLUMN tried      bigint,                      -- when the last attempt ended
    ALTER COLUMN reason TYPE text USING CASE reason WHEN 1 THEN 'opened' WHEN 2 THEN 'severity_raised' WHEN 3 THEN 'updated'
        WHEN 4 THEN 'acknowledged' WHEN 5 THEN 'resolved' WHEN 6 THEN 'test' ELSE '' END;
DROP INDEX deliveries_once, deliveries_waiting, deliveries_line, deliveries_give_up;
UPDATE deliveries SET status = 2 WHERE status = 1 AND claim IS NOT NULL; -- 1 waiting, 2 sending
UPDATE deliveries d SET tried = (SELECT max(a.at + a.took) FROM delivery_attempts a WHERE a.delivery_id = d.delivery_id) WHERE attempts > 0;
-- A target is told of a notice once, in the order of notices.
CREATE UNIQUE INDEX deliveries_once ON deliveries (incident, channel, target, notice);
CREATE INDEX deliveries_ready ON deliveries (channel, due, number) WHERE status = 1 AND ready = 1;
CREATE INDEX deliveries_open ON deliveries (channel, due, number) WHERE status IN (1, 2);
-- Whatever waits is looked at once, and gets its turn then.
INSERT INTO timers (kind, subject, due) SELECT 2, number, coalesce(lease, alertd_now()) FROM deliveries WHERE status IN (1, 2);

-- The further incidents that a delivery is about.
CREATE TABLE delivery_incidents (
    delivery bigint NOT NULL,
    incident bigint NOT NULL,
    PRIMARY KEY (delivery, incident)
);
CREATE INDEX delivery_incidents_of ON delivery_incidents (incident);

-- What is known of a channel when it is not configured any more.
ALTER TABLE channel_records
    ADD COLUMN fallback text   NOT NULL DEFAULT '',
    ADD COLUMN seen     bigint NOT NULL DEFAULT 0;     -- when an alertd that has it said so last
