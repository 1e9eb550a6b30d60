-- source holds the document's id without hyphens, as one token, so that a search is limited to documents inside the
-- index. A row's number is the one its chunk is known by.
CREATE VIRTUAL TABLE knowledge_search USING fts5 (
    source,
    terms,
    source_id UNINDEXED,
    seq UNINDEXED,
    tokenize = 'unicode61'
);
