-- When a call that was lost with its node ended at the latest, as far as it was counted.
ALTER TABLE attempt ADD COLUMN presumed_end BIGINT;
-- How many contacts an event is about.
ALTER TABLE event ADD COLUMN contacts BIGINT;
