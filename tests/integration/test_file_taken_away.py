"""Somebody deletes, moves or replaces the file while it is in use: what it held is written again, and goes on."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from inviseobox.clock import utc_text
from inviseobox.errors import BufferFault
from inviseobox.records import Aggregate, Reading
from tests.support.buffers import dating, opened, reports, series, stamp

from .disks import small_disk
from .minutes import MINUTE, START, end, windows


def on_disk(path: Path) -> list[int]:
    """Return the ends of what waits, as another process sees them that looks at the path."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return [row[0] for row in connection.execute("SELECT end FROM outbox ORDER BY end")]


def taken_away(path: Path, take_away: Callable[[], object]) -> None:
    """Live on after `take_away`, and open the file once more in the end: nothing is missing."""

    async def scenario() -> None:
        async with opened(path) as buffer:
            await windows(buffer, 0, 1)
            take_away()
            await windows(buffer, 2)
            assert on_disk(path) == [end(0), end(1), end(2)]
            # It is written to the file that is there, and to its own log.
            await windows(buffer, 3)
            assert on_disk(path) == [end(0), end(1), end(2), end(3)]
        async with opened(path) as buffer:
            assert buffer.set_aside is None
            assert sorted(await reports(buffer)) == [("power", utc_text(end(number))) for number in range(4)]

    asyncio.run(scenario())


@pytest.mark.parametrize("which", ["data.db", "data.db*", "*"])
def test_deleted_buffer_files_are_written_again(tmp_path: Path, which: str) -> None:
    def delete() -> None:
        for file in tmp_path.glob(which):
            file.unlink()

    taken_away(tmp_path / "data.db", delete)
    assert (tmp_path / "data.db.first-page").exists()


def test_a_deleted_folder_is_made_again_with_the_buffer_in_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "folder" / "data.db"
    taken_away(path, lambda: shutil.rmtree(path.parent))
    assert len([record for record in caplog.records if "was deleted while it was in use" in record.message]) == 1


def test_another_file_in_the_place_of_the_buffer_is_kept_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, other = tmp_path / "data.db", tmp_path / "other.db"

    async def make_another() -> None:
        async with opened(other) as buffer:
            await windows(buffer, 7)

    asyncio.run(make_another())
    taken_away(path, lambda: other.replace(path))
    assert on_disk(tmp_path / "data.db.replaced") == [end(7)]
    (line,) = [record.message for record in caplog.records if "was deleted" in record.message]
    assert line.endswith(f"; what was in its place is kept as {path}.replaced")


def test_a_buffer_deleted_on_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        path = disk.folder / "data.db"

        async def scenario() -> None:
            async with opened(path) as buffer:
                await windows(buffer, 0, 1)
                disk.fill()
                path.unlink()
                for number in (2, 3):
                    # More than the last page has room for.
                    many = [Reading(series(f"m{one}", Aggregate.AVG), 1.0) for one in range(400)]
                    buffer.record(stamp(START + MINUTE * number), MINUTE, many)
                    with pytest.raises(BufferFault):
                        await buffer.seal(dating(end(number)))
                assert await buffer.backlog() == 2, "what was written can be read on"
                disk.free()
                await buffer.seal(dating(end(3)))
                assert on_disk(path) == [end(number) for number in range(4)]
            async with opened(path) as buffer:
                assert len(await reports(buffer)) == 802

        asyncio.run(scenario())


def test_a_folder_of_the_buffer_that_becomes_unusable_is_one_fault_and_heals(tmp_path: Path) -> None:
    folder, aside = tmp_path / "folder", tmp_path / "aside"
    path = folder / "data.db"

    async def scenario() -> None:
        async with opened(path) as buffer:
            await windows(buffer, 0)
            folder.rename(aside)
            folder.write_text("in the way")
            for _ in range(2):
                with pytest.raises(BufferFault, match=f"^{path}: cannot be opened: Not a directory$"):
                    await windows(buffer, 1)
            folder.unlink()
            aside.rename(folder)
            await windows(buffer, 2)
            assert on_disk(path) == [end(0), end(1), end(2)]

    asyncio.run(scenario())


def test_a_buffer_that_another_daemon_has_made_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """While it runs, and kept afterwards."""
    folder = tmp_path / "folder"
    path = folder / "data.db"

    async def scenario() -> None:
        async with opened(path) as first:
            await windows(first, 0)
            shutil.rmtree(folder)
            async with opened(path) as second:
                with pytest.raises(BufferFault, match="in use"):
                    await windows(first, 1)
                await windows(second, 5)
                assert on_disk(path) == [end(5)]
        assert on_disk(path) == [end(0)]
        assert on_disk(folder / "data.db.replaced") == [end(5)]
        async with opened(path) as buffer:
            await buffer.seal(dating(end(1)))
            assert len(await reports(buffer)) == 2

    asyncio.run(scenario())


CUT_SHORT = """
import asyncio, os, sys
from pathlib import Path
from inviseobox.buffer import Buffer
from inviseobox.records import Aggregate, Dating, Reading, Series, Stamp

path, last = sys.argv[1], int(sys.argv[2])
power = Series("power", "meter", "as built", (Aggregate.AVG,))
steps = []

def step(event, arguments):
    if event in ("os.rename", "os.remove"):
        # What comes before the first of them that completes the new file is not to be saved: the old one is gone.
        if steps or event == "os.rename":
            steps.append(event)
        if len(steps) > last:
            os._exit(3)

async def live():
    buffer = await Buffer.open(path, "boot")
    for number in range(3):
        start = 1_700_000_040 + 60 * number
        buffer.record(Stamp(start, start), 60, [Reading(power, float(number))])
        await buffer.seal(Dating(start + 60, start + 60, False, None))
    os.unlink(path)
    sys.addaudithook(step)
    await buffer.commit()
    os._exit(0)

asyncio.run(live())
"""


def test_a_process_that_ends_between_any_two_steps_of_writing_again_loses_nothing(tmp_path: Path) -> None:
    """From when the new file is complete."""

    async def left(path: Path) -> int:
        async with opened(path) as buffer:
            return len(await reports(buffer))

    status, number = 3, 1
    while status == 3:
        path = tmp_path / str(number) / "data.db"
        command = [sys.executable, "-c", CUT_SHORT, str(path), str(number)]
        status = subprocess.run(command, check=False, timeout=20).returncode
        assert asyncio.run(left(path)) == 3, f"cut before step {number}"
        number += 1
    assert status == 0
    assert number > 4
