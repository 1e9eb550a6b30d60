-- How a trunk's calls are known that come in, and what is kept free for them; a trunk without a row has none of it.
CREATE TABLE trunk_inbound (
    trunk_id TEXT PRIMARY KEY REFERENCES trunk (id) ON DELETE CASCADE,
    username TEXT,
    password TEXT,
    -- Addresses and networks as JSON texts.
    sources TEXT NOT NULL,
    -- Channels that are not dialed out over.
    reserve BIGINT NOT NULL DEFAULT 0 CHECK (reserve >= 0)
);

-- Who answers which numbers: the longest beginning of the called number counts.
CREATE TABLE trunk_inbound_number (
    trunk_id TEXT NOT NULL REFERENCES trunk (id) ON DELETE CASCADE,
    digits TEXT NOT NULL,
    assistant_id TEXT NOT NULL REFERENCES assistant (id),
    PRIMARY KEY (trunk_id, digits)
);
