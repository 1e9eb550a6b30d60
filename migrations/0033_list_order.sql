-- The order in which a list is gone through. seq is when a target came in, counted on within one call; place is where the
-- campaign's order puts it; turn is where it stands among those that are READY with the same priority.
ALTER TABLE target ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE target ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
ALTER TABLE target ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
-- Of a target that is taken by its place: from when on it may be; 0 = at once, later = the opening of its hours. Absent: it is
-- taken by the time it is due, as retries are.
ALTER TABLE target ADD COLUMN opens_at BIGINT;
UPDATE target SET seq = created_at, place = created_at;
UPDATE target SET opens_at = CASE WHEN next_at <= created_at THEN 0 ELSE next_at END
    WHERE dials = 0 AND status IN ('new', 'rejected', 'waiting', 'ready', 'suspended', 'blocked');
DROP INDEX target_ready;
CREATE INDEX target_ready ON target (campaign_id, priority DESC, turn, next_at, id) WHERE status = 'ready';
DROP INDEX target_waiting;
CREATE INDEX target_listed ON target (campaign_id, base_priority DESC, opens_at, place, id)
    WHERE status = 'waiting' AND opens_at IS NOT NULL;
CREATE INDEX target_timed ON target (campaign_id, base_priority DESC, next_at, id)
    WHERE status = 'waiting' AND opens_at IS NULL;
-- While a changed order is carried through a list: the last target whose place has been worked out anew.
ALTER TABLE campaign ADD COLUMN placed_to TEXT;
