-- Whether the file of a deleted call lies in the object store: whoever removes it there need not look on disks.
ALTER TABLE file_removal ADD COLUMN stored BOOLEAN NOT NULL DEFAULT FALSE;
