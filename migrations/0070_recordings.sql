-- What became of the recording of a call: 'fresh' is as it was recorded, 'kept' has nothing left to be done on the disk it
-- lies on, 'stored' lies in the object store. bytes and sha256 are those of the file, peaks are what it looks like.
CREATE TABLE recording (
    call_id TEXT PRIMARY KEY REFERENCES call (id),
    state TEXT NOT NULL,
    bytes BIGINT,
    sha256 TEXT,
    peaks BYTEA
);
CREATE INDEX recording_work ON recording (state, call_id);
INSERT INTO recording (call_id, state) SELECT id, 'fresh' FROM call WHERE recording_path IS NOT NULL;

-- Why a recording does not hold the whole call, or is not there.
ALTER TABLE call ADD COLUMN recording_fault TEXT;
ALTER TABLE event ADD COLUMN call_id TEXT;
