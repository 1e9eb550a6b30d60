-- Calls that were answered and heard nothing from us for two seconds: some laws count them as abandoned.
ALTER TABLE call ADD COLUMN silent_start BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX call_silent_start ON call (campaign_id) WHERE silent_start;
