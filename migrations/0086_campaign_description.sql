-- What a campaign is about, for people; and its name and this in lower case as Unicode has it: lower() of SQLite knows ASCII only.
ALTER TABLE campaign ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE campaign ADD COLUMN search TEXT NOT NULL DEFAULT '';
UPDATE campaign SET search = lower(name);
