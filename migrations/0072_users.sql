-- People who sign in. Whoever signs in names no organisation, so an address is of one user of the whole installation.
CREATE TABLE user_account (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    -- In lower case.
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    language TEXT NOT NULL,
    -- Argon2id in the PHC format; none until the first invitation was accepted.
    password_hash TEXT,
    active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX user_account_email ON user_account (email);
CREATE INDEX user_account_org ON user_account (org_id, id);

-- What an organisation is called in calls, where it is and what it speaks; told when it is set up.
ALTER TABLE org ADD COLUMN company_name TEXT;
ALTER TABLE org ADD COLUMN time_zone TEXT;
ALTER TABLE org ADD COLUMN language TEXT;
