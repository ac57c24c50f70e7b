-- What can happen to a message after it was written.
ALTER TABLE messages ADD COLUMN reply BLOB;
ALTER TABLE messages ADD COLUMN timer INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN edited_at INTEGER;
ALTER TABLE messages ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN expires_at INTEGER;

CREATE INDEX messages_expiring ON messages (expires_at) WHERE expires_at IS NOT NULL;

-- One a side and message; what was taken back stays as an empty text, so that nothing older comes back.
CREATE TABLE reactions (
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    outgoing INTEGER NOT NULL,
    text TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    PRIMARY KEY (message, outgoing)
) STRICT, WITHOUT ROWID;

-- What is to happen to a message that is still missing.
CREATE TABLE early (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contact INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    device_hash BLOB NOT NULL,
    target BLOB NOT NULL,
    payload BLOB NOT NULL,
    kept_at INTEGER NOT NULL
) STRICT;

CREATE INDEX early_by_contact ON early (contact, target);

-- What holds for a conversation.
CREATE TABLE conversations (
    contact INTEGER PRIMARY KEY REFERENCES contacts (id) ON DELETE CASCADE,
    timer INTEGER NOT NULL DEFAULT 0,
    timer_set_at INTEGER NOT NULL DEFAULT 0,
    timer_set_by BLOB NOT NULL DEFAULT x'',
    author_since INTEGER NOT NULL DEFAULT 0
) STRICT;
