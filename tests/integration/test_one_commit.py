"""Readings that are written together go to the windows to which they would have gone one by one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inviseobox.buffer.database import Database
from inviseobox.buffer.packing import unpacked
from inviseobox.buffer.readings import Readings
from inviseobox.records import Aggregate, Reading
from tests.support.buffers import series, stamp

POWER = series("power", Aggregate.AVG)

INTERVALS = st.sampled_from([7, 10, 60])
CLOCKS = st.sampled_from([0.0, 9.999, 10.0, 19.0, 20.0, 21.0, 59.5, 60.0, 65.0, 119.0, 120.0]) | st.floats(0, 200)
STORIES = st.lists(st.tuples(CLOCKS, INTERVALS), min_size=1, max_size=12)
SEALED = st.sets(st.integers(0, 20).map(lambda number: 10 * number) | st.integers(0, 30).map(lambda number: 7 * number))
OPEN = st.none() | st.tuples(st.integers(1, 220), INTERVALS)
"""The window that was open before. One that a salvage made again need not end at a multiple of its interval."""


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        made = Database(str(Path(folder) / "data.db"))
        yield made
        made.close()


def written(
    database: Database, story: list[list[tuple[float, int]]], sealed: set[int], current: tuple[int, int] | None
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Commit each part of the story; return what became of readings and windows."""
    with database.transaction():
        database.run("DELETE FROM reading")
        database.run("DELETE FROM window")
        rows = ((end, 10, number) for number, end in enumerate(sorted(sealed)))
        database.run_many("INSERT INTO window (end, interval, sealed) VALUES (?, ?, ?)", rows)
        if current is not None and current[0] not in sealed:
            database.run("INSERT INTO window (end, interval) VALUES (?, ?)", *current)
    readings = Readings(database, "boot")
    number = 0
    for part in story:
        for now, interval in part:
            number += 1
            readings.pending.add(stamp(now), interval, [Reading(POWER, float(number))])
        readings.commit()
    with database.transaction():
        unsealed = database.rows(
            "SELECT end, number, interval, boot, uptime, packed FROM reading WHERE end NOT IN (SELECT end FROM window "
            "WHERE sealed IS NOT NULL)"
        )
        found = [(value, end) for end, *row in unsealed for value in unpacked(*row)[1]]
        return sorted(found), list(database.rows("SELECT end, interval, sealed FROM window ORDER BY end"))


@settings(deadline=None)
@given(STORIES, SEALED, OPEN)
@example([(19.0, 60), (21.0, 60)], set(), (20, 60))
@example([(1.0, 10), (1.0, 10), (25.0, 10), (1.0, 10)], {10, 20}, None)
def test_readings_of_one_commit_go_to_the_windows_that_single_commits_choose(
    database: Database, story: list[tuple[float, int]], sealed: set[int], current: tuple[int, int] | None
) -> None:
    """Whatever the clock does, the interval is and the sealed ends are: in one commit the last decision is used on."""
    one_by_one = written(database, [[reading] for reading in story], sealed, current)
    assert written(database, [story], sealed, current) == one_by_one
