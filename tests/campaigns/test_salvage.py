"""What could be saved of a damaged buffer still is, when the salvage itself is cut short."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from inviseobox.errors import BufferFault
from tests.support.buffers import opened
from tests.support.damages import damage, pages_in_use
from tests.support.loop_disks import small_disk
from tests.support.processes import started
from tests.support.waiting import wait_for

from .backlogs import fill
from .sizes import chance, sample

_WINDOWS = 40
_OPENING = "import asyncio, sys; from inviseobox.buffer import Buffer; asyncio.run(Buffer.open(sys.argv[1], 'boot'))"


def _damaged(path: Path) -> None:
    """Make a buffer with a backlog of which every batch can be saved."""
    fill(path, [f"m{number}" for number in range(200)], _WINDOWS, 1800)
    size, pages = pages_in_use(path)
    index = next(page for page, name in pages if name == "outbox_order")
    damage(path, chance("an index"), [index], size)


def _windows_saved(path: Path) -> int:
    async def saved() -> int:
        async with opened(path) as buffer:
            return await buffer.backlog()

    return asyncio.run(saved())


def test_a_buffer_damaged_on_a_full_disk_is_saved_once_there_is_room() -> None:
    with small_disk(16 * 2**20) as disk:
        path = disk.folder / "data.db"
        _damaged(path)
        disk.fill()
        for _ in range(2):
            with pytest.raises(BufferFault):
                _windows_saved(path)
        disk.free()
        assert _windows_saved(path) == _WINDOWS


@pytest.mark.parametrize("number", range(sample(6, 100)))
def test_a_salvage_that_was_killed_is_completed_at_the_next_opening(tmp_path: Path, number: int) -> None:
    path = tmp_path / "data.db"
    _damaged(path)
    dice = chance(f"kill in mid-salvage {number}")
    with started([sys.executable, "-c", _OPENING, str(path)]) as opening:
        wait_for(lambda: any(tmp_path.glob("data.db.[cf]*")), 10, "the salvage has begun")
        time.sleep(dice.uniform(0, 0.05))
        opening.kill()
    assert _windows_saved(path) == _WINDOWS
