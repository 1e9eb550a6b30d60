-- Records of consent to be called. Never deleted: a withdrawn one is proof of its own.
CREATE TABLE consent (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    phone_hash TEXT NOT NULL,
    -- How it was given: a form, a call, a paper.
    source TEXT NOT NULL,
    given_at BIGINT NOT NULL,
    -- The words agreed to, or where the proof lies; and the SHA-256 of that or of a file.
    proof TEXT NOT NULL,
    proof_hash TEXT NOT NULL,
    valid_until BIGINT,
    withdrawn_at BIGINT,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX consent_number ON consent (org_id, phone_hash);
