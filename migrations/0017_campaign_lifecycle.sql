-- What a scheduled start ran into: campaign::StartFailed as JSON; absent when nothing did.
ALTER TABLE campaign ADD COLUMN start_failed TEXT;
-- When it last began to dial: at its start, after a pause, when it was opened again.
ALTER TABLE campaign ADD COLUMN resumed_at BIGINT;
UPDATE campaign SET resumed_at = started_at;
-- Targets that had expired by then wait again, because the period was extended. Absent once that has been done.
ALTER TABLE campaign ADD COLUMN revive_before BIGINT;
