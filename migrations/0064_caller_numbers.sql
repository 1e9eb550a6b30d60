-- The dials of a day from one number, counted in each claim where there is a cap. What was not placed does not count.
CREATE INDEX attempt_caller_day ON attempt (org_id, caller_id, claimed_at) WHERE state <> 'not_placed';
