"""One row that holds what no program writes costs itself: the windows go on."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

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
        ("UPDATE reading SET value = -9e999 WHERE series = (SELECT key FROM series WHERE measurement = 'bad')", None),
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
