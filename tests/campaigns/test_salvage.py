"""What could be saved of a damaged buffer still is, when the salvage itself is cut short."""

import asyncio
import shutil
import sys
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from inviseobox.buffer.reserve import reserve_space
from inviseobox.errors import BufferFault
from tests.support.buffers import opened, read, series
from tests.support.damages import damage, pages_in_use
from tests.support.disks import SmallDisk
from tests.support.loop_disks import small_disk
from tests.support.processes import started
from tests.support.waiting import wait_for

from .backlogs import fill
from .files import backlog, rows
from .sizes import chance, sample

_WINDOWS = 40
_OPENING = "import asyncio, sys; from inviseobox.buffer import Buffer; asyncio.run(Buffer.open(sys.argv[1], 'boot'))"


def _damaged(path: Path) -> None:
    """Make a buffer with a backlog of which every batch can be saved."""
    fill(path, [f"m{number}" for number in range(200)], _WINDOWS, 1800)
    _lose_an_index(path)


def _lose_an_index(path: Path) -> None:
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


def _set_aside(folder: Path) -> set[str]:
    """Name the files that were set aside, each of which may have a log."""
    return {file.name for file in folder.glob("data.db.corrupt-*") if not file.name.endswith(("-wal", "-shm"))}


def _tried_with_room(disk: SmallDisk, path: Path, room: int, tries: int = 2) -> bool:
    """Try to open a buffer on a disk that has `room` bytes left meanwhile; return whether the last try succeeded."""
    disk.fill(room)
    try:
        for _ in range(tries - 1):
            with suppress(BufferFault):
                _windows_saved(path)
        return _windows_saved(path) == _WINDOWS
    except BufferFault:
        return False
    finally:
        disk.free()


@pytest.mark.parametrize("part", [0.3, 0.7, 0.95, 1.05, 1.3, 1.6, 1.9, 2.2])
def test_a_salvage_with_little_room_loses_nothing(part: float) -> None:
    with small_disk(32 * 2**20) as disk:
        path = disk.folder / "data.db"
        _damaged(path)
        # Room for what it holds is enough.
        assert _tried_with_room(disk, path, int(path.stat().st_size * part)) or part < 1
        assert _windows_saved(path) == _WINDOWS
        assert len(_set_aside(disk.folder)) == 1


@pytest.mark.parametrize("has_reserve", [True, False], ids=["with the reserve", "without the reserve"])
def test_what_was_saved_is_not_saved_once_more_where_there_is_no_room_to_open_it(has_reserve: bool) -> None:
    """From no room for the last pages of the fresh file to room for all that an opening takes."""
    with small_disk(32 * 2**20) as disk:
        damaged, path = disk.folder / "damaged.db", disk.folder / "data.db"
        _damaged(damaged)
        seen = set()
        for pages in (*range(-5, 16, 2), 64):
            for file in disk.folder.glob("data.db*"):
                file.unlink()
            shutil.copy(damaged, path)
            if has_reserve:
                reserve_space(str(path))
            is_open = _tried_with_room(disk, path, damaged.stat().st_size + 4096 * pages, tries=1)
            seen.add((is_open, len(_set_aside(disk.folder))))
            assert _windows_saved(path) == _WINDOWS
            assert len(_set_aside(disk.folder)) == 1, f"{pages} pages more"
        assert seen == {(False, 0), (True, 1)} | (set() if has_reserve else {(False, 1)})


def test_of_the_files_that_were_set_aside_the_two_newest_stay() -> None:
    with small_disk(32 * 2**20) as disk:
        path = disk.folder / "data.db"
        fill(path, ["m"], _WINDOWS, 1800)
        names: list[set[str]] = []
        for _ in range(4):
            _lose_an_index(path)
            assert _windows_saved(path) == _WINDOWS
            names.append(_set_aside(disk.folder))
        assert [len(found) for found in names] == [1, 2, 2, 2]
        assert all(len(after - before) == 1 for before, after in pairwise(names))


def test_files_that_were_set_aside_give_way_to_a_salvage_without_room() -> None:
    with small_disk(32 * 2**20) as disk:
        path = disk.folder / "data.db"
        _damaged(path)
        for number in (1, 2):
            shutil.copy(path, f"{path}.corrupt-2026010{number}T000000Z")
        assert _tried_with_room(disk, path, path.stat().st_size // 2, tries=1)
        assert len(_set_aside(disk.folder)) == 1


def test_a_damaged_file_without_room_to_save_it_is_used_until_there_is(caplog: pytest.LogCaptureFixture) -> None:
    """What it takes is tried again only where there is more room, for each try writes until the disk is full."""
    caplog.set_level("INFO")

    def said(words: str) -> int:
        return len([record for record in caplog.records if words in record.message])

    async def scenario(disk: SmallDisk, path: Path, size: int) -> None:
        disk.fill(size // 2)
        async with opened(path) as buffer:
            tries = said("saving what can be read")
            for number in range(5):
                read(buffer, time.time() + number, 1800, series("more"), 1.0)
                await buffer.commit()
            disk.free()
            disk.fill(size // 3)
            await buffer.commit()
            assert (tries, said("saving what can be read"), said("it is used as it is")) == (1, 1, 1)
            disk.free()
            disk.fill(size * 3 // 4)
            await buffer.commit()
            assert (said("saving what can be read"), said("it is used as it is")) == (2, 2)
            assert buffer.set_aside is None
            disk.free()
            await buffer.commit()
            assert buffer.set_aside is not None
            assert await buffer.backlog() == _WINDOWS
            assert (
                len(rows(path, "SELECT 1 FROM reading WHERE end IN (SELECT end FROM window WHERE sealed IS NULL)")) == 5
            )
            assert len(_set_aside(disk.folder)) == 1

    with small_disk(32 * 2**20) as disk:
        path = disk.folder / "data.db"
        _damaged(path)
        asyncio.run(scenario(disk, path, path.stat().st_size))


def test_a_damaged_file_that_cannot_even_be_opened_is_told_in_the_same_words_by_all() -> None:
    """Else each loop would tell another cause of one trouble. It is saved once there is room."""

    async def scenario(disk: SmallDisk, path: Path) -> None:
        size, pages = pages_in_use(path)
        async with opened(path) as buffer:
            damage(path, chance("two pages"), [1, *(page for page, name in pages if name == "outbox_order")], size)
            disk.fill(2**18)
            with pytest.raises(BufferFault, match="malformed"):
                await buffer.next_batch()
            for _ in range(2):
                for operation in (buffer.commit(), buffer.next_batch(), buffer.backlog()):
                    with pytest.raises(BufferFault, match="no fresh file in place of the damaged one: the disk is too"):
                        await operation
            disk.free()
            await buffer.commit()
            assert await buffer.backlog() == _WINDOWS

    with small_disk(32 * 2**20) as disk:
        path = disk.folder / "data.db"
        fill(path, [f"m{number}" for number in range(200)], _WINDOWS, 1800)
        asyncio.run(scenario(disk, path))


def test_starts_without_room_to_save_a_damaged_file_try_that_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with small_disk(32 * 2**20) as disk:
        path = disk.folder / "data.db"
        _damaged(path)
        assert not _tried_with_room(disk, path, path.stat().st_size // 2, tries=3)
        assert len([record for record in caplog.records if "saving what can be read" in record.message]) == 1
        assert _windows_saved(path) == _WINDOWS
        assert not Path(f"{path}.damaged").exists()


@pytest.mark.parametrize("part", [0.7, 1.05, 1.5, 2.2])
def test_a_file_that_is_written_again_with_little_room_is_whole_or_not_there(part: float) -> None:
    with small_disk(32 * 2**20) as disk:
        path = disk.folder / "data.db"
        fill(path, [f"m{number}" for number in range(200)], _WINDOWS, 1800)

        async def deleted() -> None:
            async with opened(path) as buffer:
                size = path.stat().st_size
                path.unlink()
                disk.fill(int(size * part))
                for _ in range(2):
                    with suppress(BufferFault):
                        await buffer.commit()
                assert path.exists() == (part > 1)
                if path.exists():
                    assert backlog(path) == _WINDOWS
                disk.free()

        asyncio.run(deleted())
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
