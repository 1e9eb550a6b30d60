-- How requests over a trunk travel, where its carrier sees us, and how keys pressed are told.
ALTER TABLE trunk ADD COLUMN large_over_tcp BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE trunk ADD COLUMN external_signalling TEXT;
ALTER TABLE trunk ADD COLUMN external_media TEXT;
ALTER TABLE trunk ADD COLUMN dtmf TEXT NOT NULL DEFAULT 'auto';
