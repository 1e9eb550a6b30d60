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
-- search_no is the row's number there: SQLite may change its own numbers of rows.
ALTER TABLE contact ADD COLUMN search_no BIGINT;
CREATE INDEX contact_search_no ON contact (search_no);
CREATE VIRTUAL TABLE contact_search USING fts5(
    search, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);
CREATE TRIGGER contact_search_add AFTER INSERT ON contact WHEN NEW.search_no IS NOT NULL
BEGIN
    INSERT INTO contact_search (rowid, search) VALUES (NEW.search_no, NEW.search);
END;
CREATE TRIGGER contact_search_change AFTER UPDATE OF search, search_no ON contact
WHEN OLD.search_no IS NOT NEW.search_no OR OLD.search <> NEW.search
BEGIN
    DELETE FROM contact_search WHERE rowid = OLD.search_no;
    INSERT INTO contact_search (rowid, search) SELECT NEW.search_no, NEW.search WHERE NEW.search_no IS NOT NULL;
END;
CREATE TRIGGER contact_search_drop AFTER DELETE ON contact WHEN OLD.search_no IS NOT NULL
BEGIN
    DELETE FROM contact_search WHERE rowid = OLD.search_no;
END;
