-- The search's index: no text of its own, and nothing left of what was deleted. See grams.py for what is in it.
CREATE VIRTUAL TABLE message_index USING fts5 (
    grams,
    content = '',
    detail = 'none',
    prefix = '1 2',
    tokenize = "unicode61 remove_diacritics 0 categories 'L* M* N* S* P* Co Cn'"
);
INSERT INTO message_index (message_index, rank) VALUES ('secure-delete', 1);
INSERT INTO message_index (rowid, grams) SELECT id, grams(text, contact) FROM messages WHERE kind = 'text' AND deleted = 0;

-- How long messages are kept: days, and how many; NULL as in all conversations, 0 for ever.
ALTER TABLE conversations ADD COLUMN keep_days INTEGER;
ALTER TABLE conversations ADD COLUMN keep_messages INTEGER;
