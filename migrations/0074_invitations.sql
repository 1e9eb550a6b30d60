-- Who may set a password once: new users, and those who have lost theirs. Of the token only a SHA-256 is here.
CREATE TABLE invitation (
    token_hash TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES user_account (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
-- A new one takes the place of the one before.
CREATE UNIQUE INDEX invitation_user ON invitation (user_id);
