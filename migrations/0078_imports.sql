-- Files with contacts or cases. The file itself lies in the data folder of the node that took it.
CREATE TABLE import (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    -- uploaded, queued, running, done, failed, cancelled, undoing, undone
    state TEXT NOT NULL,
    file_name TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    -- csv, xlsx, ods
    format TEXT NOT NULL,
    -- How the file is read, and what is made of it: campaign::import::Reading and Plan as JSON.
    reading TEXT NOT NULL,
    plan TEXT,
    actor TEXT NOT NULL,
    list_id TEXT,
    -- The last row that has been dealt with, from 1 without the heading.
    row_no BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    -- Bytes of the file that have been read.
    bytes_read BIGINT NOT NULL,
    -- Why it failed as a whole.
    error TEXT,
    -- What was undone, and what was not and why: store::import::Undone as JSON.
    undone TEXT,
    lease_until BIGINT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT
);
CREATE INDEX import_page ON import (org_id, id);
CREATE INDEX import_open ON import (id) WHERE state IN ('queued', 'running', 'undoing');
CREATE INDEX import_age ON import (finished_at);

-- Rows of the file that made nothing: failed with their cells as JSON, skipped without.
CREATE TABLE import_row (
    import_id TEXT NOT NULL REFERENCES import (id) ON DELETE CASCADE,
    row_no BIGINT NOT NULL,
    -- failed, skipped
    outcome TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    cells TEXT,
    PRIMARY KEY (import_id, row_no)
);
CREATE INDEX import_row_outcome ON import_row (import_id, outcome, row_no);

-- How many rows came to the same, by what was wrong.
CREATE TABLE import_reason (
    import_id TEXT NOT NULL REFERENCES import (id) ON DELETE CASCADE,
    outcome TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    PRIMARY KEY (import_id, outcome, code)
);

-- What an import changed: as it was before, and when it was changed.
CREATE TABLE import_change (
    import_id TEXT NOT NULL REFERENCES import (id) ON DELETE CASCADE,
    -- contact, case
    kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    was TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (import_id, kind, subject_id)
);

-- Which column is what, kept for files with the same heading.
CREATE TABLE import_mapping (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    -- campaign::import::Plan as JSON.
    plan TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX import_mapping_name ON import_mapping (org_id, name_key);
