-- Callbacks of all campaigns in the order of their time, and those that were missed.
CREATE INDEX target_agenda ON target (org_id, callback_at, id) WHERE status = 'callback';
CREATE INDEX target_missed ON target (org_id, callback_missed_at, id) WHERE callback_missed_at IS NOT NULL;
