-- What people do to many contacts of a campaign at once. It is done piece by piece, in the order of the targets' ids.
CREATE TABLE bulk (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    campaign_id TEXT NOT NULL,
    act TEXT NOT NULL,
    -- The priority that is set, with that act.
    priority BIGINT,
    -- Whether a completed campaign is opened again afterwards.
    start_again BOOLEAN NOT NULL,
    -- Whom it is for, ids or a filter: store::bulk::Pick as JSON.
    pick TEXT NOT NULL,
    state TEXT NOT NULL,
    actor TEXT NOT NULL,
    -- The last target that has been looked at, and the last one there was when it began.
    cursor_id TEXT NOT NULL,
    until_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    undo_until BIGINT
);
CREATE INDEX bulk_page ON bulk (campaign_id, id);
CREATE INDEX bulk_open ON bulk (id) WHERE state IN ('running', 'undoing');
CREATE INDEX bulk_age ON bulk (finished_at);

-- What came of it for each target, with its columns before and after: store::bulk::Snapshot as JSON.
CREATE TABLE bulk_item (
    bulk_id TEXT NOT NULL REFERENCES bulk (id),
    target_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    was TEXT,
    became TEXT,
    PRIMARY KEY (bulk_id, target_id)
);
CREATE INDEX bulk_item_outcome ON bulk_item (bulk_id, outcome, target_id);
