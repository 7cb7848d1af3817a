"""One row that holds what no program writes costs itself: the windows go on."""

import asyncio
import math
import sqlite3
import tracemalloc
import zlib
from array import array
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from inviseobox.buffer.packing import about, pack
from inviseobox.clock import utc_text
from inviseobox.records import Aggregate
from tests.support.buffers import dating, opened, read, reports, series

from .minutes import MINUTE, START, end

GOOD = series("good", Aggregate.AVG)
BAD = series("bad", Aggregate.AVG, Aggregate.DIFF)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("UPDATE series SET aggregates = 'avg,median' WHERE measurement = 'bad'", {"avg": "2"}),
        ("UPDATE series SET aggregates = char(0) || 'x' WHERE measurement = 'bad'", None),
        ("UPDATE series SET baseline = 9e999 WHERE measurement = 'bad'", {"avg": "2", "diff": "0"}),
        ("UPDATE window SET interval = 0 WHERE sealed IS NULL", {"avg": "2", "diff": "1"}),
        ("UPDATE window SET interval = -7 WHERE sealed IS NULL", {"avg": "2", "diff": "1"}),
        ("UPDATE window SET interval = 1 << 60 WHERE sealed IS NULL", {"avg": "2", "diff": "1"}),
    ],
)
def test_a_bad_row_costs_itself(tmp_path: Path, harm: str, told: dict[str, str] | None) -> None:
    path = tmp_path / "data.db"

    async def scenario() -> dict[tuple[str, str], dict[str, str]]:
        async with opened(path) as buffer:
            read(buffer, START, MINUTE, GOOD, 1.0)
            read(buffer, START, MINUTE, BAD, 1.0)
            await buffer.seal(dating(end(0)))
            await reports(buffer)
            read(buffer, START + MINUTE, MINUTE, GOOD, 2.0)
            read(buffer, START + MINUTE, MINUTE, BAD, 2.0)
            await buffer.commit()
        with closing(sqlite3.connect(path)) as connection, connection:
            assert connection.execute(harm).rowcount >= 1
        async with opened(path) as buffer:
            read(buffer, START + MINUTE + 5, MINUTE, GOOD, 2.0)
            await buffer.seal(dating(end(1)))
            return await reports(buffer)

    found = {measurement: value for (measurement, _), value in asyncio.run(scenario()).items()}
    assert found.pop("good") == {"avg": "2"}
    assert found == ({"bad": told} if told else {})


def _packed(keys: list[int], values: list[float], row: tuple[object, ...]) -> bytes:
    return pack(array("q", keys), array("d", values), about(*row))


BAD_READINGS: dict[str, Callable[[tuple[object, ...], bytes], bytes]] = {
    "nothing": lambda row, packed: b"",
    "truncated": lambda row, packed: packed[:60],
    "rubbish": lambda row, packed: b"\xa5" * len(packed),
    "a flipped bit": lambda row, packed: packed[:20] + bytes([packed[20] ^ 4]) + packed[21:],
    "those of another row": lambda row, packed: _packed([1], [7.0], (9, *row[1:])),
    "a bomb": lambda row, packed: packed[:4] + (2).to_bytes(4, "little") + zlib.compress(bytes(2**28)),
    "a number of readings that is none": lambda row, packed: packed[:4] + b"\xff" * 4 + packed[8:],
    "series that do not exist": lambda row, packed: _packed([9, -1, 2**63 - 1], [7.0, 7.0, 7.0], row),
    "values that are none": lambda row, packed: _packed([1, 2], [math.inf, -math.inf], row),
}


@pytest.mark.parametrize("harm", BAD_READINGS.values(), ids=BAD_READINGS)
@pytest.mark.parametrize("is_salvaged", [False, True], ids=["in sealing", "in a salvage"])
def test_a_row_of_readings_that_are_none_costs_itself(
    tmp_path: Path, harm: Callable[[tuple[object, ...], bytes], bytes], is_salvaged: bool
) -> None:
    path = tmp_path / "data.db"

    async def scenario() -> dict[tuple[str, str], dict[str, str]]:
        async with opened(path) as buffer:
            for number, value in enumerate((1.0, 2.0, 3.0)):
                read(buffer, START + 7 * number, MINUTE, GOOD, value)
                await buffer.commit()
        with closing(sqlite3.connect(path)) as connection, connection:
            _, *row, packed = connection.execute(
                "SELECT id, number, interval, boot, uptime, packed FROM reading WHERE id = 2"
            ).fetchone()
            connection.execute("UPDATE reading SET packed = ? WHERE id = 2", (harm(tuple(row), packed),))
            if is_salvaged:
                connection.execute("PRAGMA user_version = 4")
        tracemalloc.start()
        async with opened(path) as buffer:
            assert (buffer.set_aside is not None) is is_salvaged
            await buffer.seal(dating(end(0)))
            assert tracemalloc.get_traced_memory()[1] < 2**24
            tracemalloc.stop()
            return await reports(buffer)

    assert asyncio.run(scenario()) == {("good", utc_text(end(0))): {"avg": "2"}}
