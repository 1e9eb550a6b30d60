-- What else is known of contacts: the id they have elsewhere, e-mail addresses in order as JSON, where their zone comes from
-- (given, number, none; absent: nobody has looked yet), and the import that made them.
ALTER TABLE contact ADD COLUMN external_id TEXT;
ALTER TABLE contact ADD COLUMN emails TEXT NOT NULL DEFAULT '[]';
ALTER TABLE contact ADD COLUMN zone_source TEXT;
ALTER TABLE contact ADD COLUMN import_id TEXT;
CREATE UNIQUE INDEX contact_external ON contact (org_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX contact_of_import ON contact (import_id, id) WHERE import_id IS NOT NULL;
CREATE INDEX contact_by_name ON contact (org_id, name, id);
CREATE INDEX contact_by_change ON contact (org_id, updated_at, id);
CREATE INDEX contact_without_zone ON contact (org_id, id) WHERE zone_source = 'none';
CREATE INDEX contact_not_looked_at ON contact (id) WHERE zone_source IS NULL;

-- name_key: the name in lower case as Unicode has it.
CREATE TABLE tag (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tag_name ON tag (org_id, name_key);
CREATE TABLE contact_tag (
    contact_id TEXT NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
    tag_id TEXT NOT NULL REFERENCES tag (id) ON DELETE CASCADE,
    PRIMARY KEY (contact_id, tag_id)
);
CREATE INDEX contact_tag_of ON contact_tag (tag_id, contact_id);

-- One timeline over all campaigns.
CREATE INDEX call_of_contact ON call (contact_id, started_at);

-- Every three letters in a row of contact.search, so that a part in the middle of a name is found without reading everybody.
-- The extension comes with PostgreSQL and may be made by whoever owns the database.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX contact_search_letters ON contact USING GIN (search gin_trgm_ops);
