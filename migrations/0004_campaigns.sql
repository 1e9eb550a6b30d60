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
    -- Period, runs, slots: campaign::run::Schedule as JSON.
    schedule TEXT NOT NULL,
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

-- The days of a campaign's runs, written with its schedule: no day belongs to two runs.
-- day_key: a weekday (mon … sun) or a date (2026-11-21).
CREATE TABLE run_day (
    campaign_id TEXT NOT NULL REFERENCES campaign (id),
    day_key TEXT NOT NULL,
    run_ordinal BIGINT NOT NULL
);
CREATE UNIQUE INDEX run_day_once ON run_day (campaign_id, day_key);
