-- Trunks of one priority share a campaign's dials by weight; lower priorities are turned to first. The campaign's own trunk may
-- stand here for its weight; its priority is 1, and without a row its weight is 1.
ALTER TABLE campaign_trunk ADD COLUMN priority BIGINT NOT NULL DEFAULT 1 CHECK (priority > 0);
ALTER TABLE campaign_trunk ADD COLUMN weight BIGINT NOT NULL DEFAULT 1 CHECK (weight > 0);
-- Until now they were turned to one after the other.
UPDATE campaign_trunk SET priority = ordinal + 1;
