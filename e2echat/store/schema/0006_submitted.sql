-- Up to which number anything of ours has begun to leave towards a device. What was numbered before may have.
ALTER TABLE numbering ADD COLUMN submitted INTEGER NOT NULL DEFAULT 0;
UPDATE numbering SET submitted = sequence;
