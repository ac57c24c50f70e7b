-- When it was heard that the relay, the other side's device, and the other side have one of our messages.
ALTER TABLE messages ADD COLUMN stored_at INTEGER;
ALTER TABLE messages ADD COLUMN delivered_at INTEGER;
ALTER TABLE messages ADD COLUMN read_at INTEGER;
