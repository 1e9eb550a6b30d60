-- Names that cases are sorted by: their types and their states. name_key: in lower case as Unicode has it.
CREATE TABLE case_label (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    -- type, status
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX case_label_name ON case_label (org_id, kind, name_key);

-- "case" is a word of SQL.
CREATE TABLE client_case (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    -- The number it has elsewhere.
    external_id TEXT,
    -- Its primary contact.
    contact_id TEXT REFERENCES contact (id),
    type_id TEXT REFERENCES case_label (id),
    status_id TEXT REFERENCES case_label (id),
    -- Names and values as JSON.
    details TEXT NOT NULL,
    search TEXT NOT NULL,
    import_id TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX client_case_page ON client_case (org_id, id);
CREATE UNIQUE INDEX client_case_external ON client_case (org_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX client_case_contact ON client_case (contact_id);
CREATE INDEX client_case_type ON client_case (type_id, id);
CREATE INDEX client_case_status ON client_case (status_id, id);
CREATE INDEX client_case_by_change ON client_case (org_id, updated_at, id);
CREATE INDEX client_case_import ON client_case (import_id, id) WHERE import_id IS NOT NULL;

-- Groups of contacts or of cases. What is in one is a snapshot: members are put in, none comes by itself.
CREATE TABLE people_list (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    -- contacts, cases
    kind TEXT NOT NULL,
    -- Called on behalf of somebody else.
    obo BOOLEAN NOT NULL,
    -- What stands in the place of the company's name and of the type of each case.
    company_name TEXT,
    case_type TEXT,
    members BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX people_list_name ON people_list (org_id, name_key);

-- member_id: a contact, or a case.
CREATE TABLE people_list_member (
    list_id TEXT NOT NULL REFERENCES people_list (id) ON DELETE CASCADE,
    member_id TEXT NOT NULL,
    PRIMARY KEY (list_id, member_id)
);
CREATE INDEX people_list_member_of ON people_list_member (member_id);

-- Which lists were put into a campaign, and for whom of its contacts that was.
CREATE TABLE campaign_people_list (
    campaign_id TEXT NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    list_id TEXT NOT NULL REFERENCES people_list (id),
    added_at BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, list_id)
);
CREATE INDEX campaign_people_list_of ON campaign_people_list (list_id);
ALTER TABLE target ADD COLUMN list_id TEXT;
ALTER TABLE target ADD COLUMN case_id TEXT;
CREATE INDEX target_of_list ON target (campaign_id, list_id, id) WHERE list_id IS NOT NULL;
CREATE INDEX target_of_case ON target (case_id) WHERE case_id IS NOT NULL;

-- What is done to many contacts or cases, piece by piece in the order of their ids.
CREATE TABLE people_job (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    -- What and to whom: store::people_job::Act and Pick as JSON.
    act TEXT NOT NULL,
    pick TEXT NOT NULL,
    -- running, done
    state TEXT NOT NULL,
    actor TEXT NOT NULL,
    cursor_id TEXT NOT NULL,
    until_id TEXT NOT NULL,
    seen BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    -- Why the others were not, and how many: a JSON object.
    skipped TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX people_job_open ON people_job (id) WHERE state = 'running';
CREATE INDEX people_job_age ON people_job (finished_at);
