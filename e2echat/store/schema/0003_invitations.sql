-- The secret of every link of ours that nobody has used yet.
CREATE TABLE invitations (
    secret BLOB PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
