-- Where the file lies that runs the call again, relative to the folder of recordings; null when there is none.
ALTER TABLE call ADD COLUMN replay_path TEXT;
