-- What an organisation's plan allows; absent = no limit. Minutes count by the calendar month, UTC.
ALTER TABLE org ADD COLUMN max_active_campaigns BIGINT CHECK (max_active_campaigns >= 0);
ALTER TABLE org ADD COLUMN minutes_per_month BIGINT CHECK (minutes_per_month >= 0);

-- How long an organisation's calls have lasted from their answers, by the month in which they ended. Written with the call, and
-- kept when the call is deleted.
CREATE TABLE talk_time (
    org_id TEXT NOT NULL REFERENCES org (id),
    month TEXT NOT NULL,
    micros BIGINT NOT NULL,
    PRIMARY KEY (org_id, month)
);
