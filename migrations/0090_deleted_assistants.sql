-- When an assistant was deleted. Its row and its versions stay: calls that were made with them name them.
ALTER TABLE assistant ADD COLUMN deleted_at BIGINT;
DROP INDEX assistant_name;
CREATE UNIQUE INDEX assistant_name ON assistant (org_id, name) WHERE deleted_at IS NULL;
CREATE INDEX campaign_of_assistant ON campaign (assistant_id, id);
CREATE INDEX campaign_of_caller ON campaign (org_id, caller_id, id);
