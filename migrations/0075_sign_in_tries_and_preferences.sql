-- Tries to sign in that have not succeeded. The subject is a bucket that e-mail addresses, or network addresses, fall into by
-- their hash: there are no more rows than buckets, and no addresses here.
CREATE TABLE sign_in_try (
    subject TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    locked_until BIGINT
);

-- What a user has set in the console: JSON by name.
CREATE TABLE preference (
    user_id TEXT NOT NULL REFERENCES user_account (id),
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (user_id, name)
);
