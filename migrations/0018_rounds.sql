-- The rounds that a campaign's runs have opened, oldest first: a list of campaign::rounds::Opened as JSON. And up to which
-- of them all targets have been looked at.
ALTER TABLE campaign ADD COLUMN rounds TEXT NOT NULL DEFAULT '[]';
ALTER TABLE campaign ADD COLUMN rounds_swept BIGINT NOT NULL DEFAULT 1;
-- Which of its campaign's rounds a target has come to, from 1; not the same as its own round, which a restart counts too.
ALTER TABLE target ADD COLUMN run_seq BIGINT NOT NULL DEFAULT 1;
-- Whether a person has ever answered a call in this campaign, and when the last call ended.
ALTER TABLE target ADD COLUMN answered BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE target ADD COLUMN last_ended_at BIGINT;
UPDATE target SET answered = TRUE WHERE EXISTS (SELECT 1 FROM attempt WHERE attempt.target_id = target.id
    AND attempt.answered_at IS NOT NULL AND (attempt.answered_by IS NULL OR attempt.answered_by IN ('human', 'unknown')));
UPDATE target SET last_ended_at = (SELECT MAX(attempt.ended_at) FROM attempt WHERE attempt.target_id = target.id
    AND attempt.dialing_at IS NOT NULL) WHERE last_call_at IS NOT NULL;
DROP INDEX target_status;
CREATE INDEX target_status ON target (campaign_id, status, run_seq);
-- The run whose day it was.
ALTER TABLE attempt ADD COLUMN run_id TEXT;
