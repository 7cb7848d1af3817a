"""Files as programs with an earlier schema left them."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from inviseobox.clock import utc_text
from inviseobox.reports.batches import digest

from .minutes import MINUTE, START

WRITTEN_BY_1 = """
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
INSERT INTO setting VALUES ('device list', '[]');
INSERT INTO setting VALUES ('oldest reader', '1');
INSERT INTO series VALUES (1, 'energy', 'as built', 'meter', 'diff', 10.5);
INSERT INTO window VALUES (1700000100, 60, 1);
INSERT INTO window VALUES (1700000160, 60, NULL);
INSERT INTO reading VALUES (1, 1700000160, 1, 12.75);
INSERT INTO rejected VALUES (1, 1700000100, '[]', 'no');
PRAGMA user_version = 1;
"""
WRITTEN_BY_2 = """
CREATE TABLE history (
    end INTEGER NOT NULL, measurement TEXT NOT NULL, value TEXT NOT NULL, status TEXT NOT NULL
) STRICT;
CREATE INDEX history_by_end ON history (end);
INSERT INTO history VALUES (1700000100, 'energy', '{"diff":"10.5"}', 'ok');
PRAGMA user_version = 2;
"""
WRITTEN_BY_4 = """
ALTER TABLE window ADD COLUMN digests TEXT;
ALTER TABLE window ADD COLUMN delivered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rejected ADD COLUMN digest TEXT;
ALTER TABLE rejected ADD COLUMN offered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rejected ADD COLUMN offers INTEGER NOT NULL DEFAULT 0;
CREATE INDEX rejected_to_offer ON rejected (offered, id) WHERE offers < 7;
ALTER TABLE series ADD COLUMN same_as INTEGER;
PRAGMA user_version = 4;
"""
EARLIER = {1: WRITTEN_BY_1, 2: WRITTEN_BY_1 + WRITTEN_BY_2, 4: WRITTEN_BY_1 + WRITTEN_BY_2 + WRITTEN_BY_4}
"""What makes a file of each version."""
WAITING = json.dumps([{"measurement": "energy", "value": {"diff": "10.5"}, "timestamp": utc_text(START + MINUTE)}])


def write_earlier_file(path: Path, version: int) -> None:
    """Make the file as the program with that schema left it, with one window that waits and one that is open."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(EARLIER[version])
        row = (START + MINUTE, WAITING, digest(WAITING), 1)
        connection.execute("INSERT INTO outbox (end, fields, digest, count) VALUES (?, ?, ?, ?)", row)
        connection.commit()
