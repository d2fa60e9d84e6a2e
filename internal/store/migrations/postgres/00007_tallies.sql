-- +goose Up
-- How many events of each severity are kept, by their timestamp: a row for each minute, each
-- hour and each day that has some.
CREATE TABLE event_tallies (
    width    bigint  NOT NULL,         -- as all times: microseconds
    start    bigint  NOT NULL,         -- a whole multiple of the width
    debug    bigint  NOT NULL,
    info     bigint  NOT NULL,
    warning  bigint  NOT NULL,
    error    bigint  NOT NULL,
    critical bigint  NOT NULL,
    PRIMARY KEY (width, start)
);
-- The last event that was counted. Those that are there already are counted after the start.
INSERT INTO log_cursors (name, seq) VALUES ('tallies', 0);

-- What became of the attempts on each channel, hour by hour.
CREATE TABLE channel_tallies (
    start     bigint  NOT NULL,
    channel   text    NOT NULL,
    successes bigint  NOT NULL,
    failures  bigint  NOT NULL,
    PRIMARY KEY (start, channel)
);
INSERT INTO channel_tallies (start, channel, successes, failures)
    SELECT a.at - a.at % 3600000000, d.channel, sum(CASE WHEN a.outcome = 1 THEN 1 ELSE 0 END), sum(CASE WHEN a.outcome = 1 THEN 0 ELSE 1 END)
    FROM delivery_attempts a JOIN deliveries d ON d.delivery_id = a.delivery_id WHERE a.at >= alertd_now() - 86400000000 GROUP BY 1, 2;

-- Open incidents are counted by this index alone. The status comes last, or SQLite would also look
-- for fingerprints by it.
CREATE INDEX incidents_open_by_severity ON incidents (severity, status) WHERE status IN (1, 2);

-- Lists of open incidents find them by this index alone, with those that were set aside: their
-- status is negative.
CREATE INDEX incidents_unresolved ON incidents (number, status) WHERE status < 3;
