"""The file under the buffer: held by one daemon, damaged, written by a newer program, on a full disk."""

import asyncio
import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from inviseobox.errors import BufferFault, BufferUnusable
from inviseobox.records import Aggregate, Reading
from tests.support.buffers import dating, opened, read, reports, series, stamp
from tests.support.disks import SmallDisk

from .disks import limited_files, small_disk
from .minutes import MINUTE, POWER, START


def test_a_buffer_file_that_is_in_use_cannot_be_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    elsewhere = (
        "import asyncio, sys; from inviseobox.buffer import Buffer; asyncio.run(Buffer.open(sys.argv[1], 'boot'))"
    )

    def open_elsewhere() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", elsewhere, str(path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

    async def scenario() -> None:
        async with opened(path) as buffer:
            with pytest.raises(BufferUnusable, match="in use"):
                await fill(path)
            refused = await asyncio.to_thread(open_elsewhere)
            assert "BufferUnusable" in refused.stderr
            read(buffer, START, MINUTE, POWER, 1.0)
            await buffer.commit()
        async with opened(path) as buffer:
            await buffer.seal(dating(START + 60))
            assert len(await reports(buffer)) == 1

    asyncio.run(scenario())
    assert open_elsewhere().returncode == 0


def written_by(path: Path, version: int, oldest_reader: int) -> None:
    """Make the file one of a program with that schema version."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE thing_of_the_future (id INTEGER PRIMARY KEY)")
        connection.execute("ALTER TABLE outbox ADD COLUMN priority INTEGER")
        connection.execute("UPDATE setting SET value = ? WHERE key = 'oldest reader'", (str(oldest_reader),))
        connection.execute(f"PRAGMA user_version = {version}")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def fill(path: Path, windows: int = 1, measurements: int = 1) -> None:
    async with opened(path) as buffer:
        for number in range(windows):
            now = START + MINUTE * number
            readings = [Reading(series(f"measurement {one}", Aggregate.AVG), 1.5) for one in range(measurements)]
            buffer.record(stamp(now), MINUTE, readings)
            await buffer.seal(dating(now + MINUTE))
        read(buffer, START + MINUTE * windows, MINUTE, POWER, 1.0)


def test_a_newer_schema_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    asyncio.run(fill(path))
    written_by(path, 99, oldest_reader=98)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(BufferUnusable, match="newer"):
        asyncio.run(fill(path))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert sorted(file.name for file in tmp_path.iterdir() if "corrupt" in file.name) == []


def test_a_newer_schema_that_this_program_can_read_is_used(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    asyncio.run(fill(path))
    written_by(path, 99, oldest_reader=1)

    async def scenario() -> None:
        async with opened(path) as buffer:
            await buffer.seal(dating(START + 2 * MINUTE))
            assert len(await reports(buffer)) == 2

    asyncio.run(scenario())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)


def _overwritten(first: int, last: int | None) -> Callable[[bytes], bytes]:
    def damage(content: bytes) -> bytes:
        stop = len(content) if last is None else last
        return content[:first] + b"\xa5" * (stop - first) + content[stop:]

    return damage


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "rubbish": lambda content: b"rubbish" * (len(content) // 7),
    "zeros": lambda content: bytes(len(content)),
    "a short text": lambda content: b"hello",
    "the header": _overwritten(0, 100),
    "the schema": _overwritten(100, 4096),
    "the second half gone": lambda content: content[: len(content) // 8192 * 4096],
    "all but the first page": _overwritten(4096, None),
    "a stretch in the middle": lambda content: _overwritten(len(content) // 2, len(content) // 2 + 65536)(content),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_buffer_file_is_set_aside_and_a_fresh_one_works(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    """No damage may need a visit: after the opening, or one opening later, everything works."""
    path = tmp_path / "data.db"
    asyncio.run(fill(path, windows=3, measurements=3000))
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)

    async def scenario() -> str | None:
        async with opened(path) as buffer:
            while (batch := await buffer.next_batch()) is not None:
                await buffer.accept(batch)
            read(buffer, START + 10 * MINUTE, MINUTE, POWER, 3.0)
            await buffer.seal(dating(START + 11 * MINUTE))
            # What could be salvaged may be there besides.
            assert "3" in {value["avg"] for value in (await reports(buffer)).values()}
            return buffer.set_aside

    set_aside = asyncio.run(scenario())
    assert set_aside is not None
    assert set_aside.startswith(f"{path}.corrupt-")
    assert Path(set_aside).read_bytes() == damaged


def test_rubbish_in_the_log_beside_the_file_costs_only_the_log(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    asyncio.run(fill(path))
    Path(f"{path}-wal").write_bytes(b"\xa5" * 50_000)

    async def scenario() -> None:
        async with opened(path) as buffer:
            assert buffer.set_aside is None
            await buffer.seal(dating(START + 2 * MINUTE))
            assert len(await reports(buffer)) == 2

    asyncio.run(scenario())


@pytest.mark.parametrize("place", ["under a file", "is a folder"])
def test_a_place_where_no_file_can_be_is_a_fault_that_names_it(tmp_path: Path, place: str) -> None:
    path = tmp_path / "place" / "data.db"
    if place == "under a file":
        (tmp_path / "place").write_text("in the way")
    else:
        path.mkdir(parents=True)
    with pytest.raises(BufferFault, match=str(path)):
        asyncio.run(fill(path))


@pytest.mark.parametrize("kind", ["small disk", "limited files"])
def test_a_buffer_on_a_full_disk_loses_nothing(tmp_path: Path, kind: str) -> None:
    async def scenario(disk: SmallDisk) -> None:
        async with opened(disk.folder / "data.db") as buffer:
            read(buffer, START + 1, MINUTE, POWER, 1.0)
            await buffer.commit()
            disk.fill()
            read(buffer, START + 2, MINUTE, POWER, 2.0)
            # More than what is left of the last page that was allocated.
            buffer.record(stamp(START + 2), MINUTE, [Reading(series(f"m{number}"), 1.0) for number in range(400)])
            for operation in (buffer.commit(), buffer.seal(dating(START + 60)), buffer.commit()):
                with pytest.raises(BufferFault):
                    await operation
            assert await buffer.next_batch() is None
            read(buffer, START + 3, MINUTE, POWER, 6.0)
            disk.free()
            assert [window.end for window in await buffer.seal(dating(START + 60))] == [START + 60]
            found = await reports(buffer)
            assert len(found) == 401
            assert next(value for (name, _), value in found.items() if name == "power") == {"avg": "3"}

    with small_disk(tmp_path) if kind == "small disk" else limited_files(tmp_path) as disk:
        asyncio.run(scenario(disk))


def test_a_disk_that_stays_full_lets_the_buffer_close(tmp_path: Path) -> None:
    async def filled_up(disk: SmallDisk, path: Path) -> None:
        async with opened(path) as buffer:
            disk.fill()
            buffer.record(stamp(START + 2), MINUTE, [Reading(series(f"m{number}"), 1.0) for number in range(400)])

    async def scenario(disk: SmallDisk) -> None:
        path = disk.folder / "data.db"
        await fill(path, windows=0)
        with pytest.raises(BufferFault):
            await filled_up(disk, path)
        disk.free()
        async with opened(path) as buffer:
            await buffer.seal(dating(START + 60))
            assert [name for name, _ in await reports(buffer)] == ["power"]

    with small_disk(tmp_path) as disk:
        asyncio.run(scenario(disk))


def test_a_second_daemon_that_names_the_file_by_another_path_is_kept_away(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "data.db")
    (tmp_path / "folder").symlink_to(tmp_path / "real")

    async def scenario() -> None:
        async with opened(tmp_path / "real" / "data.db"):
            for other in (tmp_path / "link.db", tmp_path / "folder" / "data.db"):
                with pytest.raises(BufferUnusable, match="in use"):
                    async with opened(other):
                        pass

    asyncio.run(scenario())
