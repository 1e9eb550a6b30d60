-- The breaker of a trunk (trunk::breaker::Breaker as JSON) stands in its limiter's row: one lock, one read.
ALTER TABLE limiter ADD COLUMN breaker TEXT;

-- Simultaneous calls from one caller ID over a trunk; unlimited without it.
ALTER TABLE trunk ADD COLUMN caller_id_max_calls BIGINT CHECK (caller_id_max_calls > 0);
CREATE INDEX attempt_live_caller ON attempt (org_id, caller_id) WHERE live;

-- The trunks that a campaign turns to when its own leaves no room or fails, in order.
CREATE TABLE campaign_trunk (
    campaign_id TEXT NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    trunk_id TEXT NOT NULL REFERENCES trunk (id),
    PRIMARY KEY (campaign_id, ordinal)
);
CREATE UNIQUE INDEX campaign_trunk_once ON campaign_trunk (campaign_id, trunk_id);
CREATE INDEX campaign_trunk_of ON campaign_trunk (trunk_id);

-- Which INVITE of its attempt a leg is, and what the carrier answered in the end.
ALTER TABLE leg ADD COLUMN ordinal BIGINT NOT NULL DEFAULT 1;
ALTER TABLE leg ADD COLUMN sip_code BIGINT;
