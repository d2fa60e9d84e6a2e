-- +goose Up
-- The log of who did what. Each row is written once, and chained to the one before: see
-- package audit.
CREATE TABLE audit (
    number   bigint PRIMARY KEY,     -- from 1, ascending by one
    at       bigint NOT NULL,        -- microseconds since 1970
    actor    text   NOT NULL,
    kind     text   NOT NULL,
    for_     text   NOT NULL,        -- as of all texts: '' for none
    address  text   NOT NULL,
    action   text   NOT NULL,
    object   text   NOT NULL,
    before   text,                   -- JSON, as after
    after    text,
    previous text   NOT NULL UNIQUE, -- the hash of the row before
    hash     text   NOT NULL
);

-- One row: the end of the chain, and its start, which is the last row that retention has
-- removed. A transaction that appends holds it until it ends.
CREATE TABLE audit_head (
    id           bigint PRIMARY KEY,
    number       bigint NOT NULL,
    hash         text   NOT NULL,
    start_number bigint NOT NULL,
    start_hash   text   NOT NULL
);
INSERT INTO audit_head (id, number, hash, start_number, start_hash) VALUES (1, 0, repeat('0', 64), 0, repeat('0', 64));

-- +goose StatementBegin
CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.number <= (SELECT start_number FROM audit_head WHERE id = 1) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log only grows';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_rows_stay BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_only_grows();
CREATE TRIGGER audit_stays BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows();

-- Which tokens and certificates were used.
CREATE TABLE token_uses (
    hash          text   NOT NULL PRIMARY KEY, -- of the token, or the certificate's subject
    name          text   NOT NULL,
    first_used_at bigint NOT NULL
);
