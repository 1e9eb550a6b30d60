-- How often a call may be redirected to the same number elsewhere; 0 follows no redirection.
ALTER TABLE trunk ADD COLUMN redirects BIGINT NOT NULL DEFAULT 0;
