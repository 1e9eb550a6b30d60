-- The document's id without hyphens is a word of every chunk, so that a search is limited to documents inside the index.
ALTER TABLE knowledge_chunk ADD COLUMN search tsvector
    GENERATED ALWAYS AS (to_tsvector('simple', 's' || replace(source_id, '-', '') || ' ' || terms)) STORED;
ALTER TABLE knowledge_chunk ADD COLUMN number BIGINT GENERATED ALWAYS AS IDENTITY;
CREATE INDEX knowledge_chunk_search ON knowledge_chunk USING GIN (search);
CREATE UNIQUE INDEX knowledge_chunk_number ON knowledge_chunk (number);
