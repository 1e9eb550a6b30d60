CREATE TABLE call (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    direction TEXT NOT NULL,
    campaign_id TEXT REFERENCES campaign (id),
    target_id TEXT REFERENCES target (id),
    attempt_id TEXT REFERENCES attempt (id),
    contact_id TEXT REFERENCES contact (id),
    assistant_version_id TEXT,
    trunk_id TEXT,
    from_number TEXT NOT NULL,
    to_number TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    answered_at BIGINT,
    ended_at BIGINT NOT NULL,
    disconnection_reason TEXT NOT NULL,
    sip_code BIGINT,
    q850 BIGINT,
    ended_by TEXT,
    answered_by TEXT,
    goal_status TEXT,
    recording_path TEXT,
    recording_ms BIGINT
);
CREATE UNIQUE INDEX call_attempt ON call (attempt_id);
CREATE INDEX call_page ON call (org_id, id);
CREATE INDEX call_of_campaign ON call (campaign_id, id);
CREATE INDEX call_of_target ON call (target_id, id);

-- Times are milliseconds from the answer of the call.
CREATE TABLE transcript (
    call_id TEXT NOT NULL REFERENCES call (id),
    seq BIGINT NOT NULL,
    speaker TEXT NOT NULL,
    words TEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NOT NULL,
    cut BOOLEAN NOT NULL,
    keys BOOLEAN NOT NULL,
    PRIMARY KEY (call_id, seq)
);

-- value: a choice, digits or a span of the recording, as JSON.
CREATE TABLE answer (
    call_id TEXT NOT NULL REFERENCES call (id),
    seq BIGINT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    value TEXT,
    channel TEXT,
    confidence DOUBLE PRECISION,
    attempts BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (call_id, seq)
);

-- Microseconds from the last packet of the caller's turn (at_ms) until the turn was declared over, understood and
-- replied to with a first packet.
CREATE TABLE turn_latency (
    call_id TEXT NOT NULL REFERENCES call (id),
    seq BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    decided_us BIGINT NOT NULL,
    understood_us BIGINT NOT NULL,
    replied_us BIGINT NOT NULL,
    PRIMARY KEY (call_id, seq)
);
