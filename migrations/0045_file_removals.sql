-- Recordings and replays of deleted campaigns. They lie on the disk of the node that made the call: every node removes those
-- that it has.
CREATE TABLE file_removal (
    path TEXT PRIMARY KEY,
    asked_at BIGINT NOT NULL
);
