-- SIP messages of calls that are over, without their secrets: one row for each dialog, gzip of JSON. Second legs of transfers
-- are calls of their own and have no record in call; messages may be written before the record of their call.
CREATE TABLE sip_trace (
    call_id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    second_of TEXT,
    attempt_id TEXT,
    sip_call_id TEXT NOT NULL,
    kept_at BIGINT NOT NULL,
    messages BYTEA NOT NULL
);
CREATE INDEX sip_trace_of_first ON sip_trace (second_of) WHERE second_of IS NOT NULL;
CREATE INDEX sip_trace_of_attempt ON sip_trace (attempt_id) WHERE attempt_id IS NOT NULL;
CREATE INDEX sip_trace_kept ON sip_trace (kept_at);
