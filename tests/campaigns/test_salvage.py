"""What could be saved of a damaged buffer still is, when the salvage itself is cut short."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inviseobox.buffer import Buffer
from inviseobox.errors import BufferFault
from tests.integration.daemons import wait_until

from .backlogs import fill
from .disks import small_disk
from .sizes import chance, sample
from .test_bad_disks import damage, pages_in_use

_WINDOWS = 40
_OPENING = "import asyncio, sys; from inviseobox.buffer import Buffer; asyncio.run(Buffer.open(sys.argv[1]))"


def _damaged(path: Path) -> None:
    """Make a buffer with a backlog of which every batch can be saved."""
    fill(path, [f"m{number}" for number in range(200)], _WINDOWS, 1800)
    size, pages = pages_in_use(path)
    index = next(page for page, name in pages if name == "outbox_order")
    damage(path, chance("an index"), [index], size)


def _windows_saved(path: Path) -> int:
    async def opened() -> int:
        buffer = await Buffer.open(str(path))
        try:
            return await buffer.backlog()
        finally:
            await buffer.close()

    return asyncio.run(opened())


def test_damage_on_a_full_disk() -> None:
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
def test_a_kill_in_mid_salvage(tmp_path: Path, number: int) -> None:
    path = tmp_path / "data.db"
    _damaged(path)
    dice = chance(f"kill in mid-salvage {number}")
    with subprocess.Popen([sys.executable, "-c", _OPENING, str(path)]) as opening:
        wait_until(lambda: any(tmp_path.glob("data.db.[cf]*")), 10)
        time.sleep(dice.uniform(0, 0.05))
        opening.kill()
    assert _windows_saved(path) == _WINDOWS
