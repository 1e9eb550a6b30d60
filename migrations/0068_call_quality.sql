-- How good the audio of a call was, as JSON: what was counted on our leg and what the far side reported.
ALTER TABLE call ADD COLUMN quality TEXT;
