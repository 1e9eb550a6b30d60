-- Whether a call was marked as a success, and whether a person broke it off before its script was complete. Earlier calls were
-- marked by an answer of this name; what broke them off is not known.
ALTER TABLE call ADD COLUMN success BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE call ADD COLUMN interrupted BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE call SET success = TRUE WHERE EXISTS (SELECT 1 FROM answer WHERE answer.call_id = call.id
    AND answer.name = 'success' AND answer.value = '{"choice":"yes"}');
CREATE INDEX call_measured ON call (campaign_id, answered_by, success, interrupted, answered_at, ended_at);
-- Whether a call of a target was ever marked as a success, and whether its last one with a person was broken off. sort_called
-- and sort_talked are last_call_at and last_duration_ms, 0 where there is none: pages are cut along them.
ALTER TABLE target ADD COLUMN call_success BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE target ADD COLUMN interrupted BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE target ADD COLUMN sort_called BIGINT NOT NULL DEFAULT 0;
ALTER TABLE target ADD COLUMN sort_talked BIGINT NOT NULL DEFAULT 0;
UPDATE target SET sort_called = last_call_at, sort_talked = COALESCE(last_duration_ms, 0) WHERE last_call_at IS NOT NULL;
UPDATE target SET call_success = TRUE WHERE id IN (SELECT target_id FROM call WHERE success AND target_id IS NOT NULL);
-- Each range of one state, one success and one interruption has the order of a page by itself.
CREATE INDEX target_by_entry ON target (campaign_id, status, call_success, interrupted, id);
CREATE INDEX target_by_call ON target (campaign_id, status, call_success, interrupted, sort_called, id);
CREATE INDEX target_by_talk ON target (campaign_id, status, call_success, interrupted, sort_talked, id);
