CREATE TABLE trunk (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    port BIGINT,
    transport TEXT NOT NULL,
    username TEXT,
    password TEXT,
    caller_ids TEXT NOT NULL,
    register BOOLEAN NOT NULL,
    enabled BOOLEAN NOT NULL,
    max_channels BIGINT NOT NULL CHECK (max_channels > 0),
    calls_per_minute BIGINT NOT NULL CHECK (calls_per_minute > 0),
    caller_id_calls_per_minute BIGINT CHECK (caller_id_calls_per_minute > 0),
    -- Who answers calls that come in over this trunk.
    inbound_assistant_id TEXT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX trunk_name ON trunk (org_id, name);

CREATE TABLE assistant (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    version_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX assistant_name ON assistant (org_id, name);

-- Never updated: an attempt refers to the version it was claimed with.
CREATE TABLE assistant_version (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    assistant_id TEXT NOT NULL REFERENCES assistant (id),
    version BIGINT NOT NULL,
    definition TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX assistant_version_number ON assistant_version (assistant_id, version);
