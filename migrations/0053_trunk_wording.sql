-- How a trunk wants numbers and callers written, as JSON (trunk::numbers::NumberRules, trunk::callers::CallerRules).
ALTER TABLE trunk ADD COLUMN numbers TEXT NOT NULL DEFAULT '{}';
ALTER TABLE trunk ADD COLUMN callers TEXT NOT NULL DEFAULT '{}';
-- Until now every trunk was believed about its callers.
UPDATE trunk SET callers = '{"trust_asserted":true}';
-- What a call that came in said of its way to us.
ALTER TABLE call ADD COLUMN caller_withheld BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE call ADD COLUMN diversion_reason TEXT;
ALTER TABLE call ADD COLUMN first_called TEXT;
