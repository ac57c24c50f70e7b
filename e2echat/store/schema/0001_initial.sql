-- What the account is: name, address, records, keys, counters.
CREATE TABLE own (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE contacts (
    id INTEGER PRIMARY KEY,
    relay_key BLOB NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    identity BLOB NOT NULL,
    device BLOB NOT NULL,
    standing TEXT NOT NULL CHECK (standing IN ('stranger', 'contact', 'blocked')),
    vouched INTEGER NOT NULL DEFAULT 0,
    verified_at INTEGER,
    verified_by TEXT,
    changed_identity BLOB,
    changed_device BLOB,
    mailbox BLOB,
    capability BLOB,
    knock INTEGER NOT NULL DEFAULT 0,
    route_told INTEGER NOT NULL DEFAULT 0,
    authenticator BLOB,
    previous_authenticator BLOB,
    generation INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    receipt_due INTEGER,
    UNIQUE (relay_key, name)
) STRICT;

CREATE TABLE sessions (
    sid BLOB PRIMARY KEY,
    contact INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    device_hash BLOB NOT NULL,
    generation INTEGER NOT NULL,
    confirmed INTEGER NOT NULL,
    init BLOB,
    former BLOB NOT NULL DEFAULT x'',
    used_at INTEGER NOT NULL,
    state BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_use ON sessions (used_at);
CREATE INDEX sessions_by_contact ON sessions (contact);

-- H("init", E, ct) of every first message taken in, until its prekeys are gone.
CREATE TABLE inits (
    init BLOB PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- H("envelope", ...) of what was taken in, so that a repetition is known by it.
CREATE TABLE seen (
    hash BLOB PRIMARY KEY,
    contact INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE prekeys (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    record BLOB NOT NULL,
    dh_secret BLOB NOT NULL,
    kem_seed BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    published INTEGER NOT NULL DEFAULT 0,
    superseded_at INTEGER
) STRICT;

-- How far our own numbering towards one device of a peer has come.
CREATE TABLE numbering (
    contact INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    device_hash BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    previous_hash BLOB NOT NULL,
    PRIMARY KEY (contact, device_hash)
) STRICT, WITHOUT ROWID;

-- The numbered payloads of one device of a peer, in the order in which they were made.
CREATE TABLE streams (
    contact INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    device_hash BLOB NOT NULL,
    next INTEGER NOT NULL,
    last_hash BLOB,
    missing TEXT NOT NULL,
    PRIMARY KEY (contact, device_hash)
) STRICT, WITHOUT ROWID;

-- Payloads that came before one that they follow.
CREATE TABLE held (
    contact INTEGER NOT NULL,
    device_hash BLOB NOT NULL,
    seq INTEGER NOT NULL,
    held_at INTEGER NOT NULL,
    payload BLOB NOT NULL,
    origin BLOB NOT NULL,
    PRIMARY KEY (contact, device_hash, seq),
    FOREIGN KEY (contact, device_hash) REFERENCES streams (contact, device_hash) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contact INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    outgoing INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    received_at INTEGER,
    state TEXT NOT NULL,
    shown INTEGER NOT NULL DEFAULT 0,
    payload BLOB,
    verified INTEGER NOT NULL DEFAULT 0,
    device_hash BLOB,
    sid BLOB,
    chain INTEGER,
    kem_epoch INTEGER,
    size INTEGER,
    reduced INTEGER NOT NULL DEFAULT 0,
    UNIQUE (contact, outgoing, message_id)
) STRICT;

CREATE INDEX messages_unshown ON messages (shown, id) WHERE outgoing = 0;
CREATE INDEX messages_by_contact ON messages (contact, id);
CREATE INDEX messages_waiting ON messages (contact, seq) WHERE outgoing = 1 AND state IN ('queued', 'stored');
CREATE INDEX messages_unsettled ON messages (contact, state, seq) WHERE outgoing = 1;

-- Envelopes that are still ours to deliver, in the order in which they were sealed. A signal has no message.
CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    envelope_id BLOB NOT NULL UNIQUE,
    contact INTEGER NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    message INTEGER REFERENCES messages (id) ON DELETE CASCADE,
    envelope BLOB NOT NULL,
    accepted INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL
) STRICT;

CREATE INDEX outbox_by_contact ON outbox (contact, position);
CREATE INDEX outbox_due ON outbox (due_at);
