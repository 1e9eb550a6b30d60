-- When the contact wants to be called back, as agreed during the call. Kept with the attempt, so that it holds even when the
-- call's end is never reported.
ALTER TABLE attempt ADD COLUMN callback_at BIGINT;
