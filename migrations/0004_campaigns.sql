CREATE TABLE campaign (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    version BIGINT NOT NULL,
    pause_reason TEXT,
    goal TEXT,
    assistant_id TEXT NOT NULL REFERENCES assistant (id),
    trunk_id TEXT NOT NULL REFERENCES trunk (id),
    caller_id TEXT NOT NULL,
    tz TEXT NOT NULL,
    period_start TEXT,
    period_end TEXT,
    scheduled_start_at BIGINT,
    -- Pace, limits, retries and time zone rules: campaign::settings::Settings as JSON.
    settings TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX campaign_page ON campaign (org_id, id);
CREATE INDEX campaign_state ON campaign (state);

CREATE TABLE run (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    campaign_id TEXT NOT NULL REFERENCES campaign (id),
    ordinal BIGINT NOT NULL,
    audience TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX run_ordinal ON run (campaign_id, ordinal);

-- day_key: a weekday (mon … sun) or a date (2026-11-21).
CREATE TABLE run_day (
    run_id TEXT NOT NULL REFERENCES run (id),
    campaign_id TEXT NOT NULL REFERENCES campaign (id),
    day_key TEXT NOT NULL,
    PRIMARY KEY (run_id, day_key)
);
CREATE UNIQUE INDEX run_day_once ON run_day (campaign_id, day_key);

-- Minutes of the day.
CREATE TABLE run_slot (
    run_id TEXT NOT NULL REFERENCES run (id),
    ordinal BIGINT NOT NULL,
    start_min BIGINT NOT NULL,
    end_min BIGINT NOT NULL,
    PRIMARY KEY (run_id, ordinal),
    CHECK (start_min >= 0 AND start_min < end_min AND end_min <= 1440)
);
