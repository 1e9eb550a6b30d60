CREATE TABLE target (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    campaign_id TEXT NOT NULL REFERENCES campaign (id),
    contact_id TEXT NOT NULL REFERENCES contact (id),
    status TEXT NOT NULL,
    -- What a person decided while the call was live: suspend or remove.
    hold TEXT,
    round BIGINT NOT NULL,
    -- Dials of this round, sent or not: the number of the last one.
    dials BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    callback_at BIGINT,
    -- What the ready queue is ordered by; base_priority is what a person set.
    priority BIGINT NOT NULL,
    base_priority BIGINT NOT NULL,
    overwrites TEXT NOT NULL,
    goal_status TEXT,
    last_call_at BIGINT,
    last_duration_ms BIGINT,
    last_reason TEXT,
    blocked_reason TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX target_contact ON target (campaign_id, contact_id);
CREATE INDEX target_ready ON target (campaign_id, priority DESC, next_at, id) WHERE status = 'ready';
CREATE INDEX target_waiting ON target (campaign_id, next_at) WHERE status = 'waiting';
CREATE INDEX target_callback ON target (campaign_id, callback_at) WHERE status = 'callback';
CREATE INDEX target_status ON target (campaign_id, status);
CREATE INDEX target_page ON target (campaign_id, id);
CREATE INDEX target_of_contact ON target (contact_id);

CREATE TABLE attempt (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    campaign_id TEXT NOT NULL REFERENCES campaign (id),
    target_id TEXT NOT NULL REFERENCES target (id),
    contact_id TEXT NOT NULL REFERENCES contact (id),
    round BIGINT NOT NULL,
    dial_no BIGINT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    -- Holds a channel. Outlives the state UNKNOWN until the orphan leg is ended or can have ended by itself.
    live BOOLEAN NOT NULL,
    node_id TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    trunk_id TEXT NOT NULL,
    caller_id TEXT NOT NULL,
    phone_hash TEXT NOT NULL,
    assistant_version_id TEXT NOT NULL,
    ring_timeout_s BIGINT NOT NULL,
    max_call_duration_s BIGINT NOT NULL,
    -- When the INVITE leaves, and the last moment at which it may.
    send_at BIGINT NOT NULL,
    send_by BIGINT NOT NULL,
    claimed_at BIGINT NOT NULL,
    dialing_at BIGINT,
    ringing_at BIGINT,
    answered_at BIGINT,
    ended_at BIGINT,
    disconnection_reason TEXT,
    blocked_reason TEXT,
    sip_code BIGINT,
    q850 BIGINT,
    retry_after_s BIGINT,
    ended_by TEXT,
    answered_by TEXT,
    immediate BOOLEAN NOT NULL,
    technical BOOLEAN NOT NULL,
    consumes_retry BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX attempt_dial ON attempt (target_id, round, dial_no);
CREATE UNIQUE INDEX attempt_live_target ON attempt (target_id) WHERE live;
CREATE UNIQUE INDEX attempt_live_phone ON attempt (org_id, phone_hash) WHERE live;
CREATE INDEX attempt_live_org ON attempt (org_id) WHERE live;
CREATE INDEX attempt_live_campaign ON attempt (campaign_id) WHERE live;
CREATE INDEX attempt_live_trunk ON attempt (trunk_id) WHERE live;
CREATE INDEX attempt_live_node ON attempt (node_id) WHERE live;
CREATE INDEX attempt_page ON attempt (campaign_id, id);
CREATE INDEX attempt_of_contact ON attempt (contact_id, id);
CREATE INDEX attempt_of_number ON attempt (org_id, phone_hash, claimed_at);
CREATE INDEX attempt_lease ON attempt (lease_until) WHERE state = 'claimed';

CREATE TABLE leg (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES org (id),
    attempt_id TEXT REFERENCES attempt (id),
    trunk_id TEXT NOT NULL,
    state TEXT NOT NULL,
    -- What is needed to end the leg after a crash: the INVITE as it was sent, then the dialog.
    invite TEXT NOT NULL,
    dialog TEXT,
    sent_at BIGINT NOT NULL,
    ringing_at BIGINT,
    answered_at BIGINT,
    ended_at BIGINT,
    -- An orphan's channel is free from here on even when nobody answers its CANCEL or BYE.
    free_at BIGINT,
    recovered_by TEXT,
    recovery_until BIGINT
);
CREATE INDEX leg_of_attempt ON leg (attempt_id);
CREATE INDEX leg_orphan ON leg (free_at) WHERE state = 'orphan';

-- When the next dial is due at an even pace, per scope: organisation, trunk, campaign, caller ID. Its row is the lock
-- under which live calls are counted.
CREATE TABLE limiter (
    scope TEXT NOT NULL,
    scope_id TEXT NOT NULL,
    tat BIGINT,
    PRIMARY KEY (scope, scope_id)
);
