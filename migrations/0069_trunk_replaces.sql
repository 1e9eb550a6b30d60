-- Whether calls that come in over a trunk may take the place of its live ones (RFC 3891).
ALTER TABLE trunk ADD COLUMN replaces BOOLEAN NOT NULL DEFAULT FALSE;
