-- +goose Up
-- What the engine remembers beside incidents and deliveries: silences, what inhibits, how full
-- buckets are, heartbeats. Each may have a timer of kind 4.
CREATE TABLE states (
    number bigint  PRIMARY KEY,        -- made of kind and name
    kind   text    NOT NULL,
    name   text    NOT NULL,
    state  text    NOT NULL,           -- JSON
    UNIQUE (kind, name)
);
-- It goes up when a state changes that each decision depends on, so that all read them again.
ALTER TABLE engine ADD COLUMN standing bigint NOT NULL DEFAULT 0;

-- What is or was held back, and by what.
CREATE TABLE holds (
    holder   text    NOT NULL,         -- such as "silence 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55"
    incident bigint  NOT NULL,
    since    bigint  NOT NULL,
    notices  bigint  NOT NULL,         -- how many
    events   bigint  NOT NULL,         -- how many of its events they are about
    held     bigint  NOT NULL,         -- 1: still
    PRIMARY KEY (holder, incident)
);
CREATE INDEX holds_of ON holds (incident);
CREATE INDEX holds_held ON holds (holder, since, incident) WHERE held = 1;

-- How many events, incidents and messages there were, and how many were held back.
CREATE TABLE counts (
    name  text    NOT NULL PRIMARY KEY,
    count bigint  NOT NULL
);

-- The latest resolved incident of a kind says whether it comes and goes.
CREATE INDEX incidents_alike ON incidents (fingerprint, number);
