"""Damage that is found while the buffer is in use is known to the next start, which looks at part of a large file.

How large that is depends on the machine: here no file is small enough.
"""

import asyncio
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from inviseobox.buffer import opening
from inviseobox.errors import BufferFault
from tests.support.buffers import opened, reports
from tests.support.damages import damage, pages_in_use

from .minutes import windows

WINDOWS = 3


@pytest.fixture(autouse=True)
def _large_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_CHECK_TIME", -1.0)
    monkeypatch.setattr(opening, "_CHECK_STEPS", 1)


def _damaged(path: Path) -> None:
    """Make a buffer of which an index is damaged that no opening reads."""

    async def filled() -> None:
        async with opened(path) as buffer:
            await windows(buffer, *range(WINDOWS))

    asyncio.run(filled())
    size, pages = pages_in_use(path)
    index = next(page for page, name in pages if name == "outbox_order")
    damage(path, random.Random("an index"), [index], size)  # noqa: S311


def _left(path: Path) -> tuple[int, bool]:
    """Return how many reports the buffer has, and whether its opening found it damaged."""

    async def left() -> tuple[int, bool]:
        async with opened(path) as buffer:
            return len(await reports(buffer)), buffer.set_aside is not None

    return asyncio.run(left())


def _names(path: Path) -> set[str]:
    return {file.name.removeprefix(path.name) for file in path.parent.iterdir()}


CUT_SHORT = """
import asyncio, os, sys
from inviseobox.buffer import Buffer, opening
from inviseobox.errors import BufferFault

opening._CHECK_TIME, opening._CHECK_STEPS = -1.0, 1
path, last = sys.argv[1], int(sys.argv[2])
steps = []

def step(event, arguments):
    if event in ("os.rename", "os.remove", "sqlite3.connect"):
        steps.append(event)
        if len(steps) > last:
            os._exit(3)

async def live():
    buffer = await Buffer.open(path, "boot")
    try:
        await buffer.next_batch()
    except BufferFault:
        sys.addaudithook(step)
        await buffer.commit()
        os._exit(0)
    os._exit(1)

asyncio.run(live())
"""


def test_a_process_that_ends_between_any_two_steps_of_a_salvage_leaves_it_to_the_next(tmp_path: Path) -> None:
    """From when the damage was found."""
    status, number = 3, 0
    while status == 3:
        path = tmp_path / str(number) / "data.db"
        _damaged(path)
        command = [sys.executable, "-c", CUT_SHORT, str(path), str(number)]
        status = subprocess.run(command, check=False, timeout=20).returncode
        assert _left(path)[0] == WINDOWS, f"cut before step {number}"
        assert not _names(path) & {".damaged", ".fresh", ".salvaged"}
        # It is saved once.
        set_aside = [name for name in _names(path) if name.startswith(".corrupt")]
        assert len([name for name in set_aside if not name.endswith(("-wal", "-shm"))]) == 1, (
            f"cut before step {number}"
        )
        assert not _left(path)[1], f"cut before step {number}"
        number += 1
    assert status == 0
    assert number > 6


def test_a_mark_goes_with_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    _damaged(path)

    async def scenario() -> None:
        async with opened(path) as buffer:
            assert buffer.set_aside is None
            assert ".damaged" not in _names(path)
            with pytest.raises(BufferFault, match="malformed"):
                await buffer.next_batch()
            assert ".damaged" in _names(path)
            await buffer.commit()
            assert buffer.set_aside is not None
            assert ".damaged" not in _names(path)
            assert len(await reports(buffer)) == WINDOWS

    asyncio.run(scenario())


def test_a_mark_that_cannot_be_made_keeps_nobody_from_saving(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    _damaged(path)
    (tmp_path / "data.db.damaged").symlink_to(tmp_path / "not there" / "either")

    async def scenario() -> None:
        async with opened(path) as buffer:
            with pytest.raises(BufferFault, match="malformed"):
                await buffer.next_batch()
            await buffer.commit()
            assert len(await reports(buffer)) == WINDOWS

    asyncio.run(scenario())


def test_a_mark_without_its_file_is_one_of_a_file_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    Path(f"{path}.damaged").touch()
    assert _left(path) == (0, False)
    assert ".damaged" not in _names(path)


def test_a_good_file_with_a_mark_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data.db"

    async def filled() -> None:
        async with opened(path) as buffer:
            await windows(buffer, *range(WINDOWS))

    asyncio.run(filled())
    Path(f"{path}.damaged").touch()
    assert _left(path) == (WINDOWS, True)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
