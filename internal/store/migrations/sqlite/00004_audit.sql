-- +goose Up
-- The log of who did what. Each row is written once, and chained to the one before: see
-- package audit.
CREATE TABLE audit (
    number   INTEGER PRIMARY KEY,    -- from 1, ascending by one
    at       INTEGER NOT NULL,       -- microseconds since 1970
    actor    TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    for_     TEXT    NOT NULL,       -- as of all texts: '' for none
    address  TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    object   TEXT    NOT NULL,
    before   TEXT,                   -- JSON, as after
    after    TEXT,
    previous TEXT    NOT NULL UNIQUE, -- the hash of the row before
    hash     TEXT    NOT NULL
) STRICT;

-- One row: the end of the chain, and its start, which is the last row that retention has
-- removed.
CREATE TABLE audit_head (
    id           INTEGER PRIMARY KEY,
    number       INTEGER NOT NULL,
    hash         TEXT    NOT NULL,
    start_number INTEGER NOT NULL,
    start_hash   TEXT    NOT NULL
) STRICT;
INSERT INTO audit_head (id, number, hash, start_number, start_hash) VALUES (1, 0, printf('%064d', 0), 0, printf('%064d', 0));

-- +goose StatementBegin
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN coalesce(old.number > (SELECT start_number FROM audit_head WHERE id = 1), 1)
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;
-- +goose StatementEnd
-- INSERT OR REPLACE would delete a row without the trigger above.
-- +goose StatementBegin
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE number = new.number OR previous = new.previous)
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;
-- +goose StatementEnd

-- Which tokens and certificates were used.
CREATE TABLE token_uses (
    hash          TEXT    NOT NULL PRIMARY KEY, -- of the token, or the certificate's subject
    name          TEXT    NOT NULL,
    first_used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
