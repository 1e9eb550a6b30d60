-- What holds for all campaigns of an organisation: campaign::law::policy::CallingPolicy as JSON. policy_version counts its
-- changes, so that nodes see them.
ALTER TABLE org ADD COLUMN calling_policy TEXT NOT NULL DEFAULT '{}';
ALTER TABLE org ADD COLUMN policy_version BIGINT NOT NULL DEFAULT 1;
