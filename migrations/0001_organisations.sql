CREATE TABLE org (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    calls_per_minute BIGINT NOT NULL CHECK (calls_per_minute > 0),
    max_concurrent_calls BIGINT NOT NULL CHECK (max_concurrent_calls > 0),
    created_at BIGINT NOT NULL
);

-- Random values made at first start: the keys of the phone hash and of the leg names.
CREATE TABLE secret (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE api_key (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    name TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX api_key_hash ON api_key (key_hash);

-- One row per process start. A node whose lease has run out may not dial.
CREATE TABLE node (
    id TEXT PRIMARY KEY,
    epoch BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    lease_until BIGINT NOT NULL
);
CREATE UNIQUE INDEX node_epoch ON node (epoch);

CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_subject ON audit (org_id, subject_kind, subject_id, id);
