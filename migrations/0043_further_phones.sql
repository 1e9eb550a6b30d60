-- Further numbers of contacts, in order. The first number of a contact stands in its own row.
CREATE TABLE further_phone (
    contact_id TEXT NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
    -- From 1; 0 is the contact's own number.
    ordinal BIGINT NOT NULL,
    org_id TEXT NOT NULL REFERENCES org (id),
    -- What it is for people: mobile, office.
    label TEXT,
    phone TEXT NOT NULL,
    phone_hash TEXT NOT NULL,
    -- Its time zone, where that is another one than the contact's.
    zone TEXT,
    -- When a carrier said that there is no such number.
    invalid_at BIGINT,
    PRIMARY KEY (contact_id, ordinal)
);
CREATE INDEX further_phone_number ON further_phone (org_id, phone_hash);
ALTER TABLE contact ADD COLUMN further_phones BIGINT NOT NULL DEFAULT 0;
ALTER TABLE contact ADD COLUMN phone_label TEXT;
ALTER TABLE contact ADD COLUMN phone_invalid_at BIGINT;
-- Which of its contact's numbers is dialed next, and which one an attempt dialed: place in the order, and the number itself.
ALTER TABLE target ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN phone TEXT;
