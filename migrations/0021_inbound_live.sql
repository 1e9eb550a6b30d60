-- Calls that have come in and are not over. They hold channels of their organisation and trunk as attempts do, and
-- belong to their node's epoch: the reaper drops those of nodes that are gone.
CREATE TABLE inbound_live (
    call_id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    trunk_id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    began_at BIGINT NOT NULL
);
CREATE INDEX inbound_live_org ON inbound_live (org_id);
CREATE INDEX inbound_live_trunk ON inbound_live (trunk_id);
CREATE INDEX inbound_live_node ON inbound_live (node_id);
