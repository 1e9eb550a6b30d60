-- The stages between a turn and its reply, microseconds from the last packet of the caller's turn; null where there was
-- no such stage. The last is how long both sides spoke at once.
ALTER TABLE turn_latency ADD COLUMN first_token_us BIGINT;
ALTER TABLE turn_latency ADD COLUMN first_sentence_us BIGINT;
ALTER TABLE turn_latency ADD COLUMN first_audio_us BIGINT;
ALTER TABLE turn_latency ADD COLUMN talk_over_us BIGINT;
