-- Legs to whoever takes a caller over. They hold a channel as a live attempt does; they belong to their node by
-- themselves, because the call they are for may have no attempt.
ALTER TABLE leg ADD COLUMN transfer BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE leg ADD COLUMN node_id TEXT;
ALTER TABLE leg ADD COLUMN epoch BIGINT;
-- How long it may ring, and last.
ALTER TABLE leg ADD COLUMN ring_timeout_s BIGINT;
ALTER TABLE leg ADD COLUMN longest_s BIGINT;
CREATE INDEX leg_transfer_org ON leg (org_id) WHERE transfer AND ended_at IS NULL;
CREATE INDEX leg_transfer_trunk ON leg (trunk_id) WHERE transfer AND ended_at IS NULL;

-- To whom the caller was handed over, how, and when.
ALTER TABLE call ADD COLUMN transferred_to TEXT;
ALTER TABLE call ADD COLUMN transfer_way TEXT;
ALTER TABLE call ADD COLUMN transferred_at BIGINT;
