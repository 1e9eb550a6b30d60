-- A vendor that calls are served by. Its key is encrypted under the server's master key; only the last characters are
-- readable.
CREATE TABLE provider (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    base_url TEXT NOT NULL,
    key_sealed TEXT,
    key_last4 TEXT,
    model TEXT NOT NULL,
    options TEXT NOT NULL,
    capacity BIGINT NOT NULL CHECK (capacity > 0),
    enabled BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX provider_name ON provider (org_id, name);
