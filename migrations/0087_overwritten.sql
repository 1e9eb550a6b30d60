-- Which of a target's own values a person set for it alone: their names, as a JSON list. The others came with its batch.
ALTER TABLE target ADD COLUMN overwritten TEXT NOT NULL DEFAULT '[]';
