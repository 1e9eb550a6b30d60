-- What an organisation's calls of a day cost, in millionths of its currency: reservations of live calls and what others came to.
CREATE TABLE spend (
    org_id TEXT NOT NULL REFERENCES org (id),
    -- A date on the clock that the policy names.
    day TEXT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (org_id, day)
);
-- What a call may cost at most, then what it came to; by the minute; and the day that it counts for.
ALTER TABLE attempt ADD COLUMN cost BIGINT;
ALTER TABLE attempt ADD COLUMN cost_per_minute BIGINT;
ALTER TABLE attempt ADD COLUMN spend_day TEXT;
ALTER TABLE leg ADD COLUMN cost BIGINT;
ALTER TABLE leg ADD COLUMN cost_per_minute BIGINT;
ALTER TABLE leg ADD COLUMN spend_day TEXT;
