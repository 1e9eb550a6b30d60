-- The SIP address of the recorder that hears the calls of a trunk while they go on (RFC 7866).
ALTER TABLE trunk ADD COLUMN recorder TEXT;
