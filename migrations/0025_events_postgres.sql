-- What happened to campaigns, their contacts and attempts, in order: written by the change itself, whatever statement makes it.
-- Numbers of a sequence become visible in another order than they are given out in. So the order is that of transactions, and
-- a reader looks at those below the oldest that is still running.
CREATE TABLE event (
    seq BIGSERIAL PRIMARY KEY,
    tx BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
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

CREATE FUNCTION event_of_campaign() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> NEW.state THEN
        INSERT INTO event (org_id, at, kind, campaign_id, was, became, reason)
        VALUES (NEW.org_id, NEW.updated_at, 'campaign.state', NEW.id, OLD.state, NEW.state, NEW.pause_reason);
    END IF;
    IF NEW.start_failed IS NOT NULL AND OLD.start_failed IS DISTINCT FROM NEW.start_failed THEN
        INSERT INTO event (org_id, at, kind, campaign_id, reason)
        VALUES (NEW.org_id, NEW.updated_at, 'campaign.start_failed', NEW.id, NEW.start_failed);
    END IF;
    IF OLD.rounds <> NEW.rounds THEN
        INSERT INTO event (org_id, at, kind, campaign_id) VALUES (NEW.org_id, NEW.updated_at, 'campaign.round', NEW.id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER event_campaign AFTER UPDATE ON campaign FOR EACH ROW EXECUTE FUNCTION event_of_campaign();

CREATE FUNCTION event_of_target() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Waiting and ready are the same to whoever looks on.
    IF OLD.status <> NEW.status AND NOT (OLD.status IN ('waiting', 'ready') AND NEW.status IN ('waiting', 'ready')) THEN
        INSERT INTO event (org_id, at, kind, campaign_id, target_id, was, became, reason, due_at)
        VALUES (NEW.org_id, NEW.updated_at, 'target.state', NEW.campaign_id, NEW.id, OLD.status, NEW.status,
            CASE NEW.status WHEN 'blocked' THEN NEW.blocked_reason WHEN 'in_progress' THEN NULL ELSE NEW.last_reason END,
            CASE NEW.status WHEN 'callback' THEN NEW.callback_at WHEN 'waiting' THEN NEW.next_at END);
    END IF;
    IF NEW.callback_missed_at IS NOT NULL AND OLD.callback_missed_at IS DISTINCT FROM NEW.callback_missed_at THEN
        INSERT INTO event (org_id, at, kind, campaign_id, target_id, due_at)
        VALUES (NEW.org_id, NEW.updated_at, 'target.callback_missed', NEW.campaign_id, NEW.id, OLD.callback_at);
    END IF;
    IF OLD.hold IS DISTINCT FROM NEW.hold AND NEW.status = 'in_progress' THEN
        INSERT INTO event (org_id, at, kind, campaign_id, target_id, was, became)
        VALUES (NEW.org_id, NEW.updated_at, 'target.hold', NEW.campaign_id, NEW.id, OLD.hold, NEW.hold);
    END IF;
    IF NEW.held_by IS NOT NULL AND OLD.held_by IS DISTINCT FROM NEW.held_by AND NEW.held_by <> 'retry' THEN
        INSERT INTO event (org_id, at, kind, campaign_id, target_id, reason, due_at)
        VALUES (NEW.org_id, NEW.updated_at, 'target.held', NEW.campaign_id, NEW.id, NEW.held_by, NEW.next_at);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER event_target AFTER UPDATE ON target FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.hold IS DISTINCT FROM NEW.hold
        OR OLD.held_by IS DISTINCT FROM NEW.held_by OR OLD.callback_missed_at IS DISTINCT FROM NEW.callback_missed_at)
    EXECUTE FUNCTION event_of_target();

CREATE FUNCTION event_of_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO event (org_id, at, kind, campaign_id, target_id, attempt_id, was, became, reason)
    VALUES (NEW.org_id, COALESCE(NEW.ended_at, NEW.answered_at, NEW.ringing_at, NEW.dialing_at, NEW.claimed_at),
        'attempt.state', NEW.campaign_id, NEW.target_id, NEW.id,
        CASE TG_OP WHEN 'UPDATE' THEN OLD.state END, NEW.state,
        COALESCE(NEW.blocked_reason, NEW.disconnection_reason));
    RETURN NULL;
END $$;
CREATE TRIGGER event_attempt_state AFTER UPDATE ON attempt FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION event_of_attempt();
CREATE TRIGGER event_attempt_refused AFTER INSERT ON attempt FOR EACH ROW
    WHEN (NEW.state = 'not_placed') EXECUTE FUNCTION event_of_attempt();
