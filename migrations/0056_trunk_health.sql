-- Seconds between two OPTIONS to each server of a trunk; 0 asks none.
ALTER TABLE trunk ADD COLUMN options_s BIGINT NOT NULL DEFAULT 0;

-- Which node registers at a carrier and asks it by OPTIONS: one for each account, until its time is over.
CREATE TABLE trunk_lease (
    account TEXT PRIMARY KEY,
    node_id TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);
