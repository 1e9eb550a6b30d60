-- What happened to campaigns, their contacts and attempts, in order: written by the change itself, whatever statement makes it.
-- tx is for PostgreSQL; here one transaction writes after the other, and seq is the order.
CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tx BIGINT NOT NULL DEFAULT 0,
    org_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    campaign_id TEXT,
    target_id TEXT,
    attempt_id TEXT,
    was TEXT,
    became TEXT,
    reason TEXT,
    -- A moment that goes with it: a callback, the next dial.
    due_at BIGINT
);
CREATE INDEX event_page ON event (org_id, tx, seq);
CREATE INDEX event_age ON event (at);

-- Events up to here have been forgotten.
CREATE TABLE event_floor (
    id BIGINT PRIMARY KEY,
    tx BIGINT NOT NULL,
    seq BIGINT NOT NULL
);
INSERT INTO event_floor (id, tx, seq) VALUES (1, 0, 0);

CREATE TRIGGER event_campaign AFTER UPDATE ON campaign
WHEN OLD.state <> NEW.state OR OLD.start_failed IS NOT NEW.start_failed OR OLD.rounds <> NEW.rounds
BEGIN
    INSERT INTO event (org_id, at, kind, campaign_id, was, became, reason)
    SELECT NEW.org_id, NEW.updated_at, 'campaign.state', NEW.id, OLD.state, NEW.state, NEW.pause_reason
    WHERE OLD.state <> NEW.state;
    INSERT INTO event (org_id, at, kind, campaign_id, reason)
    SELECT NEW.org_id, NEW.updated_at, 'campaign.start_failed', NEW.id, NEW.start_failed
    WHERE NEW.start_failed IS NOT NULL AND OLD.start_failed IS NOT NEW.start_failed;
    INSERT INTO event (org_id, at, kind, campaign_id)
    SELECT NEW.org_id, NEW.updated_at, 'campaign.round', NEW.id
    WHERE OLD.rounds <> NEW.rounds;
END;

CREATE TRIGGER event_target AFTER UPDATE OF status, hold, held_by, callback_missed_at ON target
WHEN OLD.status <> NEW.status OR OLD.hold IS NOT NEW.hold OR OLD.held_by IS NOT NEW.held_by
    OR OLD.callback_missed_at IS NOT NEW.callback_missed_at
BEGIN
    -- Waiting and ready are the same to whoever looks on.
    INSERT INTO event (org_id, at, kind, campaign_id, target_id, was, became, reason, due_at)
    SELECT NEW.org_id, NEW.updated_at, 'target.state', NEW.campaign_id, NEW.id, OLD.status, NEW.status,
        CASE NEW.status WHEN 'blocked' THEN NEW.blocked_reason WHEN 'in_progress' THEN NULL ELSE NEW.last_reason END,
        CASE NEW.status WHEN 'callback' THEN NEW.callback_at WHEN 'waiting' THEN NEW.next_at END
    WHERE OLD.status <> NEW.status AND NOT (OLD.status IN ('waiting', 'ready') AND NEW.status IN ('waiting', 'ready'));
    INSERT INTO event (org_id, at, kind, campaign_id, target_id, due_at)
    SELECT NEW.org_id, NEW.updated_at, 'target.callback_missed', NEW.campaign_id, NEW.id, OLD.callback_at
    WHERE NEW.callback_missed_at IS NOT NULL AND OLD.callback_missed_at IS NOT NEW.callback_missed_at;
    INSERT INTO event (org_id, at, kind, campaign_id, target_id, was, became)
    SELECT NEW.org_id, NEW.updated_at, 'target.hold', NEW.campaign_id, NEW.id, OLD.hold, NEW.hold
    WHERE OLD.hold IS NOT NEW.hold AND NEW.status = 'in_progress';
    INSERT INTO event (org_id, at, kind, campaign_id, target_id, reason, due_at)
    SELECT NEW.org_id, NEW.updated_at, 'target.held', NEW.campaign_id, NEW.id, NEW.held_by, NEW.next_at
    WHERE NEW.held_by IS NOT NULL AND OLD.held_by IS NOT NEW.held_by AND NEW.held_by <> 'retry';
END;

CREATE TRIGGER event_attempt_state AFTER UPDATE OF state ON attempt WHEN OLD.state <> NEW.state
BEGIN
    INSERT INTO event (org_id, at, kind, campaign_id, target_id, attempt_id, was, became, reason)
    VALUES (NEW.org_id, COALESCE(NEW.ended_at, NEW.answered_at, NEW.ringing_at, NEW.dialing_at, NEW.claimed_at),
        'attempt.state', NEW.campaign_id, NEW.target_id, NEW.id, OLD.state, NEW.state,
        COALESCE(NEW.blocked_reason, NEW.disconnection_reason));
END;

CREATE TRIGGER event_attempt_refused AFTER INSERT ON attempt WHEN NEW.state = 'not_placed'
BEGIN
    INSERT INTO event (org_id, at, kind, campaign_id, target_id, attempt_id, became, reason)
    VALUES (NEW.org_id, NEW.claimed_at, 'attempt.state', NEW.campaign_id, NEW.target_id, NEW.id, NEW.state,
        COALESCE(NEW.blocked_reason, NEW.disconnection_reason));
END;
