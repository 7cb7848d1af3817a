"""Any one page of the file may be damaged: what was sealed comes out all the same, for it is there twice."""

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import pytest

from inviseobox.buffer import Buffer
from inviseobox.clock import utc_text
from inviseobox.errors import BufferFault
from inviseobox.records import Aggregate, Batch, Reading
from tests.support.buffers import dating, fields, kept, opened, series, stamp
from tests.support.damages import pages_in_use

from .minutes import MINUTE, START

WINDOWS = 4
MEASUREMENTS = 400


async def _fill(path: Path) -> None:
    """Seal windows, deliver the first one, split the second one, and leave readings in the open one."""
    async with opened(path) as buffer:
        for window in range(WINDOWS + 1):
            now = START + MINUTE * window
            readings = [
                Reading(series(f"m{number}", Aggregate.AVG), window + number / 1000) for number in range(MEASUREMENTS)
            ]
            buffer.record(stamp(now), MINUTE, readings)
            if window < WINDOWS:
                await buffer.seal(dating(now + MINUTE))
                batch = await buffer.next_batch()
                assert batch is not None
                if window == 0:
                    await buffer.accept(batch)
                if window == 1:
                    await buffer.split(batch)


async def _all(buffer: Buffer) -> list[Batch]:
    """Take every batch; what is found damaged on the way is a fault first, and salvaged when it is tried again."""
    taken: list[Batch] = []
    while True:
        try:
            if (batch := await buffer.next_batch()) is None:
                return taken
            await buffer.accept(batch)
        except BufferFault:
            # The next transaction begins on a fresh file.
            await buffer.commit()
        else:
            taken.append(batch)


def _expected() -> dict[tuple[str, str], dict[str, str]]:
    return {
        (f"m{number}", utc_text(START + MINUTE * (window + 1))): {
            "avg": f"{window + number / 1000!r}".removesuffix(".0")
        }
        for window in range(1, WINDOWS)
        for number in range(MEASUREMENTS)
    }


def _with_bad_page(whole: Path, folder: Path, page: int, kind: str, dice: random.Random) -> Path:
    """Copy a buffer into `folder`, with one page damaged."""
    path = folder / "data.db"
    folder.mkdir(exist_ok=True)
    for file in whole.parent.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    content = bytearray(path.read_bytes())
    place = slice((page - 1) * 4096, page * 4096)
    if kind == "a flipped bit":
        content[dice.randrange(place.start, place.stop)] ^= 1 << dice.randrange(8)
    else:
        content[place] = bytes(4096) if kind == "zeros" else dice.randbytes(4096)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["rubbish", "zeros", "a flipped bit"])
def test_sealed_windows_survive_any_one_damaged_page(tmp_path: Path, kind: str) -> None:
    whole = tmp_path / "whole" / "data.db"
    asyncio.run(_fill(whole))
    expected = _expected()
    dice = random.Random(kind)  # noqa: S311
    found = {}

    async def sealed(path: Path) -> dict[tuple[str, str], dict[str, str]]:
        came: dict[tuple[str, str], dict[str, str]] = {}
        async with opened(path) as buffer:
            for field in fields(await _all(buffer)):
                # Where a half of a batch lost its digest, too, the other half may be told again: the same once more.
                value = came.setdefault((field["measurement"], field["timestamp"]), field["value"])
                assert value == field["value"]
        return came

    _, pages = pages_in_use(whole)
    assert len({name for _, name in pages}) > 8
    for page, name in [(1, "the first"), *pages]:
        path = _with_bad_page(whole, tmp_path / str(page), page, kind, dice)
        came = asyncio.run(sealed(path))
        if came != expected:
            found[page, name] = f"{len(came)} of {len(expected)} reports"
        wrong = [report for report, value in came.items() if expected.get(report) != value]
        assert wrong == [], f"page {page} of {name}: {wrong[:3]}"
    assert found == {}


COMMITS = 24


async def _fill_open_window(path: Path) -> None:
    """Deliver windows, then leave readings of many commits in the open one: of few measurements, then of many."""
    dice = random.Random(4)  # noqa: S311
    many = [series(f"n{number}", Aggregate.MIN) for number in range(600)]
    async with opened(path) as buffer:
        for window in range(2):
            for commit in range(COMMITS):
                now = START + MINUTE * window + 2 * commit
                listed = many[:3] if commit % 4 else many
                buffer.record(stamp(now), MINUTE, [Reading(one, commit + dice.random()) for one in listed])
                await buffer.commit()
            if window == 0:
                await buffer.seal(dating(START + MINUTE))


async def _kept_commits(path: Path) -> dict[int, int]:
    """Return of how many measurements there are readings of each commit; each of the series is read again first."""
    async with opened(path) as buffer:
        with suppress(BufferFault):
            await buffer.commit()
        await buffer.commit()
    with closing(sqlite3.connect(path)) as connection:
        values = [value for _, value, end in kept(connection) if end == START + 2 * MINUTE]
    return Counter(int(value) for value in values if value is not None)


@pytest.mark.parametrize("kind", ["rubbish", "zeros", "a flipped bit"])
def test_one_damaged_page_costs_at_most_the_readings_of_one_commit(tmp_path: Path, kind: str) -> None:
    whole = tmp_path / "whole" / "data.db"
    asyncio.run(_fill_open_window(whole))
    expected = {commit: 3 if commit % 4 else 600 for commit in range(COMMITS)}
    assert asyncio.run(_kept_commits(whole)) == expected
    dice = random.Random(kind)  # noqa: S311
    _, pages = pages_in_use(whole)
    assert sum(name == "reading" for _, name in pages) > COMMITS + 6
    lost = {}
    for page, name in [(1, "the first"), *pages]:
        path = _with_bad_page(whole, tmp_path / str(page), page, kind, dice)
        left = asyncio.run(_kept_commits(path))
        gone = {commit for commit in expected if left.get(commit) != expected[commit]}
        # A bit of the name of a series costs its readings.
        count = sum(expected.values()) - sum(left.values())
        if len(gone) > 1 and count > COMMITS:
            lost[page, name] = f"{count} readings of {len(gone)} of {COMMITS} commits"
    assert lost == {}
