-- When the contact asked to be called, where callback_at is when they will be: the next time that is allowed. And when a
-- callback was missed: the contact is at the head of the queue until it is called.
ALTER TABLE target ADD COLUMN callback_asked_at BIGINT;
ALTER TABLE target ADD COLUMN callback_missed_at BIGINT;
UPDATE target SET callback_asked_at = callback_at WHERE callback_at IS NOT NULL;
-- Why a campaign paused itself, in words.
ALTER TABLE campaign ADD COLUMN pause_detail TEXT;
-- What a waiting target waits for: a reason to defer, or its retry.
ALTER TABLE target ADD COLUMN held_by TEXT;
