-- +goose Up
-- The sessions of people in a browser.
CREATE TABLE sessions (
    token   BLOB    NOT NULL PRIMARY KEY, -- the SHA-256 of what the browser holds
    data    BLOB,                         -- NULL: it has ended, and nothing revives it
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_expires ON sessions (expires);
