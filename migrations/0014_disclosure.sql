-- What everybody is told first in the calls of a campaign, whatever its assistant does by itself:
-- agent::assistant::Disclosure as JSON; nothing is demanded without it.
ALTER TABLE campaign ADD COLUMN disclosure TEXT;

-- What was told in the call and when, and whether the recording was refused: agent::manners::disclosure::Disclosed as
-- JSON; absent where nothing was.
ALTER TABLE call ADD COLUMN disclosed TEXT;
