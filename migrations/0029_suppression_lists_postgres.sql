-- Imported lists of numbers that must not be called. What holds is the import that import_no names: a new one is written
-- beside it and becomes visible by one update.
CREATE TABLE suppression_list (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    name TEXT NOT NULL,
    -- Where it comes from, for people.
    source TEXT NOT NULL,
    -- Holds for all campaigns of the organisation; else for those in campaign_suppression_list.
    org_wide BOOLEAN NOT NULL,
    valid_until BIGINT,
    -- Counts imports; 0 = none yet.
    version BIGINT NOT NULL,
    import_no BIGINT,
    numbers BIGINT NOT NULL,
    imported_at BIGINT,
    -- Whom it blocked is to be looked at again: when that was asked for.
    mend_asked BIGINT,
    deleted_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX suppression_list_name ON suppression_list (org_id, name);

CREATE TABLE suppression_import (
    no BIGINT PRIMARY KEY,
    list_id TEXT NOT NULL,
    -- loading, current, old
    state TEXT NOT NULL,
    touched_at BIGINT NOT NULL
);
CREATE INDEX suppression_import_state ON suppression_import (state, touched_at);

-- phone_key: the first half of the number's hash, 128 bits.
CREATE TABLE listed_number (
    import_no BIGINT NOT NULL,
    phone_key TEXT NOT NULL,
    PRIMARY KEY (import_no, phone_key)
);

CREATE TABLE campaign_suppression_list (
    campaign_id TEXT NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    list_id TEXT NOT NULL REFERENCES suppression_list (id) ON DELETE CASCADE,
    PRIMARY KEY (campaign_id, list_id)
);
CREATE INDEX campaign_suppression_list_of ON campaign_suppression_list (list_id);

-- The list that blocked a target; its name, in the attempt that was not placed.
ALTER TABLE target ADD COLUMN blocked_by TEXT;
CREATE INDEX target_blocked_by ON target (blocked_by, id) WHERE blocked_by IS NOT NULL;
ALTER TABLE attempt ADD COLUMN blocked_by TEXT;
