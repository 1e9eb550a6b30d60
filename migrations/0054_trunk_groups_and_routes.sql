-- Trunks under one name, in the order in which they are turned to.
CREATE TABLE trunk_group (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX trunk_group_name ON trunk_group (org_id, name);

CREATE TABLE trunk_group_member (
    group_id TEXT NOT NULL REFERENCES trunk_group (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    trunk_id TEXT NOT NULL REFERENCES trunk (id),
    priority BIGINT NOT NULL CHECK (priority > 0),
    weight BIGINT NOT NULL CHECK (weight > 0),
    PRIMARY KEY (group_id, ordinal)
);
CREATE UNIQUE INDEX trunk_group_member_once ON trunk_group_member (group_id, trunk_id);
CREATE INDEX trunk_group_member_of ON trunk_group_member (trunk_id);

-- The group that a campaign's trunks follow: its trunk_id and its rows of campaign_trunk are written from the group.
ALTER TABLE campaign ADD COLUMN trunk_group_id TEXT REFERENCES trunk_group (id);
CREATE INDEX campaign_of_trunk_group ON campaign (trunk_group_id);

-- Where calls go by the number called: digits of E.164, and a trunk or a group.
CREATE TABLE prefix_route (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    prefix TEXT NOT NULL,
    trunk_id TEXT REFERENCES trunk (id),
    group_id TEXT REFERENCES trunk_group (id),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX prefix_route_prefix ON prefix_route (org_id, prefix);
CREATE INDEX prefix_route_of_trunk ON prefix_route (trunk_id);
CREATE INDEX prefix_route_of_group ON prefix_route (group_id);
-- Counts changes of an organisation's routes, and of the groups that they may lead to.
ALTER TABLE org ADD COLUMN routes_version BIGINT NOT NULL DEFAULT 0;
