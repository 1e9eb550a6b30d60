-- Requests that took effect under an Idempotency-Key, with their answers: written in the transaction of the effect. A row
-- without a status took effect in part, and its answer is still to come, or was lost.
CREATE TABLE idempotency (
    org_id TEXT NOT NULL REFERENCES org (id),
    idempotency_key TEXT NOT NULL,
    route TEXT NOT NULL,
    -- SHA-256 of path, query and body.
    request_hash TEXT NOT NULL,
    -- Tells requests with the same key apart that run at the same time.
    token TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    status BIGINT,
    content_type TEXT,
    etag TEXT,
    body BYTEA
);
CREATE UNIQUE INDEX idempotency_once ON idempotency (org_id, idempotency_key, route);
CREATE INDEX idempotency_age ON idempotency (made_at);
