CREATE TABLE contact (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    name TEXT NOT NULL,
    phone TEXT,
    phone_hash TEXT,
    zone TEXT,
    variables TEXT NOT NULL,
    -- Name and number in lower case as Unicode has it: lower() of SQLite knows ASCII only.
    search TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX contact_page ON contact (org_id, id);
CREATE INDEX contact_phone ON contact (org_id, phone_hash);

CREATE TABLE suppression (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    phone_hash TEXT NOT NULL,
    source TEXT NOT NULL,
    note TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX suppression_number ON suppression (org_id, phone_hash);
