-- +goose Up
-- The sessions of people in a browser.
CREATE TABLE sessions (
    token   bytea  PRIMARY KEY, -- the SHA-256 of what the browser holds
    data    bytea,              -- NULL: it has ended, and nothing revives it
    expires bigint NOT NULL
);
CREATE INDEX sessions_expires ON sessions (expires);
