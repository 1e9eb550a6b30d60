-- What assistants may look up: documents and web pages, cut into chunks.
CREATE TABLE knowledge_source (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    title TEXT NOT NULL,
    kind TEXT NOT NULL,
    url TEXT,
    language TEXT NOT NULL,
    -- SHA-256 of the text, so that a page that has not changed is not cut up again.
    digest TEXT NOT NULL,
    characters BIGINT NOT NULL,
    chunks BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX knowledge_source_page ON knowledge_source (org_id, id);

-- terms: the words of title, heading and text as they are searched for: folded, stemmed, without stop words.
CREATE TABLE knowledge_chunk (
    source_id TEXT NOT NULL REFERENCES knowledge_source (id),
    seq BIGINT NOT NULL,
    heading TEXT NOT NULL,
    words TEXT NOT NULL,
    terms TEXT NOT NULL,
    PRIMARY KEY (source_id, seq)
);
