-- What a trunk's audio is like: whether it is encrypted, and its codecs in order.
ALTER TABLE trunk ADD COLUMN srtp TEXT NOT NULL DEFAULT 'off';
ALTER TABLE trunk ADD COLUMN codecs TEXT NOT NULL DEFAULT '["pcmu","pcma"]';
