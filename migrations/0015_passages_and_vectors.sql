-- What a reply of the agent's was drawn from: names of passages, as a list in JSON; null for none.
ALTER TABLE transcript ADD COLUMN passages TEXT;

-- How the look-up for a turn went, and when it was over; null where nothing was looked up.
ALTER TABLE turn_latency ADD COLUMN look_up TEXT;
ALTER TABLE turn_latency ADD COLUMN looked_up_us BIGINT;

-- Which model the vectors of a document are of, how many of its chunks have one, what went wrong last, who works on it
-- until when, and when it is tried again.
ALTER TABLE knowledge_source ADD COLUMN embed_model TEXT;
ALTER TABLE knowledge_source ADD COLUMN embedded BIGINT NOT NULL DEFAULT 0;
ALTER TABLE knowledge_source ADD COLUMN embed_failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE knowledge_source ADD COLUMN embed_error TEXT;
ALTER TABLE knowledge_source ADD COLUMN embed_after BIGINT NOT NULL DEFAULT 0;

-- vector: a scale (32-bit float, little endian) and as many signed bytes as the model has dimensions; of length 1.
CREATE TABLE knowledge_vector (
    source_id TEXT NOT NULL REFERENCES knowledge_source (id),
    seq BIGINT NOT NULL,
    vector BYTEA NOT NULL,
    PRIMARY KEY (source_id, seq)
);
