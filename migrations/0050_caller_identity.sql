-- Who vouches for the caller of a call, and how far: found for calls that came in, given for calls we made.
ALTER TABLE call ADD COLUMN identity_status TEXT;
ALTER TABLE call ADD COLUMN identity_attestation TEXT;
ALTER TABLE call ADD COLUMN identity_fault TEXT;
ALTER TABLE call ADD COLUMN identity_origid TEXT;
ALTER TABLE call ADD COLUMN identity_signer TEXT;
-- What is done about signatures of calls that come in, and how well we vouch for those that go out.
ALTER TABLE trunk ADD COLUMN identity_policy TEXT NOT NULL DEFAULT 'record';
ALTER TABLE trunk ADD COLUMN attestation TEXT NOT NULL DEFAULT 'A';
