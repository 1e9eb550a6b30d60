-- What uploads have left in pieces is put together, once.
INSERT INTO knowledge_search (knowledge_search) VALUES ('optimize');
