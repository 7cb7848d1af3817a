"""The tables, and how the file of an earlier version becomes today's.

Migrations only ever add, so that the version before still opens the file: after a roll-back nothing is lost.
"""

import sqlite3

from inviseobox.errors import BufferUnusable

SCHEMA = 5
"""What this program writes (`PRAGMA user_version`)."""
OLDEST_READER = 5
"""The oldest SCHEMA whose program can work on this one's files."""
_FIRST = 5
"""The oldest SCHEMA from which there are steps; files of an earlier one were never in the field."""

LAST_SEALED = "last sealed reading"
"""The setting that holds the number up to which all rows were sealed, for a salvage."""

COLUMNS = {
    "setting": ("key", "value"),
    "series": ("key", "measurement", "fingerprint", "device", "aggregates", "baseline", "same_as"),
    "window": ("end", "interval", "sealed", "digests", "delivered"),
    "history": ("rowid", "end", "measurement", "value", "status"),
    "outbox": ("id", "end", "fields", "digest", "count", "refusals"),
    "rejected": ("id", "end", "fields", "words", "digest", "offered", "offers"),
    "reading": ("id", "number", "end", "interval", "boot", "uptime", "now", "packed"),
}
"""What must not be lost, by table; last the readings, of which those that were sealed are no longer wanted."""

# series: `same_as` is the key of another one, if this is the same way of reading under another name.
# window: `sealed` numbers the sealed ones in the order in which they were; `digests` are those of its batches as they
# were sealed; `delivered`: nothing of it waits any more.
# reading: a row for each commit and window, `packed` holds its readings, `number` is its place in the order of reading.
# It is dated `now` (seconds since the epoch, NULL where the time was not known), at `uptime` of the run `boot` of the
# kernel, and waits where its `end` is NULL. The row of a sealed window is room for another one.
# rejected: `digest` is that of the batch, which is not that of its fields where they were damaged; when it was offered
# to the server last, and how often.
_TABLES = """
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE series (
    key INTEGER PRIMARY KEY, measurement TEXT NOT NULL, fingerprint TEXT NOT NULL,
    device TEXT NOT NULL, aggregates TEXT NOT NULL, baseline REAL, same_as INTEGER,
    UNIQUE (measurement, fingerprint)
) STRICT;
CREATE TABLE window (
    end INTEGER PRIMARY KEY, interval INTEGER NOT NULL, sealed INTEGER UNIQUE, digests TEXT,
    delivered INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE history (
    end INTEGER NOT NULL, measurement TEXT NOT NULL, value TEXT NOT NULL, status TEXT NOT NULL
) STRICT;
CREATE INDEX history_by_end ON history (end);
CREATE TABLE reading (
    id INTEGER PRIMARY KEY, number INTEGER NOT NULL, end INTEGER, interval INTEGER NOT NULL, boot TEXT NOT NULL,
    uptime REAL NOT NULL, now REAL, packed BLOB NOT NULL
) STRICT;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY, end INTEGER NOT NULL, fields TEXT NOT NULL, digest TEXT NOT NULL, count INTEGER NOT NULL,
    refusals INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_order ON outbox (refusals, end, id);
CREATE TABLE status (id INTEGER PRIMARY KEY, end INTEGER NOT NULL, devices TEXT NOT NULL) STRICT;
CREATE TABLE rejected (
    id INTEGER PRIMARY KEY, end INTEGER NOT NULL, fields TEXT NOT NULL, words TEXT NOT NULL, digest TEXT,
    offered INTEGER NOT NULL DEFAULT 0, offers INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX rejected_to_offer ON rejected (offered, id) WHERE offers < 7;
"""
STEPS: tuple[str, ...] = ()
"""What makes of a file of SCHEMA 5 one of 6, and so on: statements that only add."""


def bring_up_to_date(connection: sqlite3.Connection, path: str) -> None:
    """Create or migrate the tables, in one transaction.

    Raises BufferUnusable for a file that is too new, sqlite3.DatabaseError, as for a damaged one, for one that is too
    old: what was sealed is saved of it.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA:
        oldest = connection.execute("SELECT value FROM setting WHERE key = 'oldest reader'").fetchone()
        if oldest is None or not oldest[0].isdecimal() or int(oldest[0]) > SCHEMA:
            raise BufferUnusable(f"{path} was written by a newer inviseobox (schema {version}); install that version")
    elif 0 < version < _FIRST:
        raise sqlite3.DatabaseError(f"database disk image is malformed: it has the tables of schema {version}")
    elif version < SCHEMA:
        steps = "".join(STEPS[version - _FIRST :]) if version else "".join((_TABLES, *STEPS))
        reader = f"INSERT OR REPLACE INTO setting VALUES ('oldest reader', '{OLDEST_READER}');"  # noqa: S608
        connection.executescript(f"BEGIN IMMEDIATE; {steps} {reader} PRAGMA user_version = {SCHEMA}; COMMIT;")
