"""The tables, and how the file of an earlier version becomes today's.

Migrations only ever add, so that the version before still opens the file: after a roll-back nothing is lost.
"""

import sqlite3

from inviseobox.errors import BufferUnusable

SCHEMA = 4
"""What this program writes (`PRAGMA user_version`)."""
OLDEST_READER = 1
"""The oldest SCHEMA whose program can work on this one's files."""

COLUMNS = {
    "setting": ("key", "value"),
    "series": ("key", "measurement", "fingerprint", "device", "aggregates", "baseline", "same_as"),
    "window": ("end", "interval", "sealed", "digests", "delivered"),
    "history": ("rowid", "end", "measurement", "value", "status"),
    "reading": ("id", "end", "series", "value"),
    "outbox": ("id", "end", "fields", "digest", "count", "refusals", "proven"),
    "rejected": ("id", "end", "fields", "words", "digest", "offered", "offers"),
}
"""What must not be lost, by table."""

_VERSION_1 = """
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE series (
    key INTEGER PRIMARY KEY, measurement TEXT NOT NULL, fingerprint TEXT NOT NULL,
    device TEXT NOT NULL, aggregates TEXT NOT NULL, baseline REAL,
    UNIQUE (measurement, fingerprint)
) STRICT;
CREATE TABLE window (end INTEGER PRIMARY KEY, interval INTEGER NOT NULL, sealed INTEGER UNIQUE) STRICT;
CREATE TABLE reading (id INTEGER PRIMARY KEY, end INTEGER NOT NULL, series INTEGER NOT NULL, value REAL) STRICT;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY, end INTEGER NOT NULL, fields TEXT NOT NULL, digest TEXT NOT NULL, count INTEGER NOT NULL,
    refusals INTEGER NOT NULL DEFAULT 0, proven INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_order ON outbox (refusals, end, id);
CREATE TABLE status (id INTEGER PRIMARY KEY, end INTEGER NOT NULL, devices TEXT NOT NULL) STRICT;
CREATE TABLE rejected (
    id INTEGER PRIMARY KEY, end INTEGER NOT NULL, fields TEXT NOT NULL, words TEXT NOT NULL
) STRICT;
"""
_VERSION_2 = """
CREATE TABLE history (
    end INTEGER NOT NULL, measurement TEXT NOT NULL, value TEXT NOT NULL, status TEXT NOT NULL
) STRICT;
CREATE INDEX history_by_end ON history (end);
"""
# Of each sealed window: the digests of its batches as they were sealed, and whether nothing of it waits any more.
# Of what was rejected: the digest of the batch, which is not that of its fields where they were damaged.
_VERSION_3 = """
ALTER TABLE window ADD COLUMN digests TEXT;
ALTER TABLE window ADD COLUMN delivered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rejected ADD COLUMN digest TEXT;
UPDATE window SET delivered = 1 WHERE sealed IS NOT NULL AND end NOT IN (SELECT end FROM outbox);
"""
# Of what was rejected: when it was offered to the server last, and how often since. Of a series: which other one is the
# same way of reading under another name.
_VERSION_4 = """
ALTER TABLE rejected ADD COLUMN offered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rejected ADD COLUMN offers INTEGER NOT NULL DEFAULT 0;
CREATE INDEX rejected_to_offer ON rejected (offered, id) WHERE offers < 7;
ALTER TABLE series ADD COLUMN same_as INTEGER;
"""
_STEPS = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)


def bring_up_to_date(connection: sqlite3.Connection, path: str) -> None:
    """Create or migrate the tables, in one transaction. Raises BufferUnusable for a file that is too new."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA:
        oldest = connection.execute("SELECT value FROM setting WHERE key = 'oldest reader'").fetchone()
        if oldest is None or not oldest[0].isdecimal() or int(oldest[0]) > SCHEMA:
            raise BufferUnusable(f"{path} was written by a newer inviseobox (schema {version}); install that version")
    elif version < SCHEMA:
        steps = "".join(_STEPS[version:])
        reader = f"INSERT OR REPLACE INTO setting VALUES ('oldest reader', '{OLDEST_READER}');"  # noqa: S608
        connection.executescript(f"BEGIN IMMEDIATE; {steps} {reader} PRAGMA user_version = {SCHEMA}; COMMIT;")
