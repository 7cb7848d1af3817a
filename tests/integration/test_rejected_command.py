"""`inviseobox rejected`, beside a buffer that is open."""

import asyncio
import json
import os
import sqlite3
import subprocess
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from inviseobox.buffer import Buffer
from inviseobox.records import Aggregate, Reading, Series
from tests.support.buffers import dating, fields, opened, stamp, waiting

from .earlier_files import WAITING, write_earlier_file

POWER = Series("m1", "d1", "here", (Aggregate.AVG,))
TOKEN = "0123456789abcdef" * 4


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    configuration = folder / "config.toml"
    configuration.write_text(
        f'token = "{TOKEN}"\nurl = "http://127.0.0.1/api"\n[buffer]\npath = "{folder / "data.db"}"\n'
    )
    words = ["/usr/bin/python3", "-m", "inviseobox", "rejected", "--config", str(configuration), *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)


def test_rejected_items_are_listed_and_queued_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        buffer = await Buffer.open(str(tmp_path / "data.db"), "boot")
        try:
            buffer.record(stamp(1000.0), 60, [Reading(POWER, 3.0)])
            await buffer.seal(dating(1020.0))
            batch = await buffer.next_batch()
            assert batch is not None
            await buffer.reject(batch, "it answered 400: unknown\nmeasurement", 0.0)

            listed = await asyncio.to_thread(command, tmp_path)
            assert listed.returncode == 0, listed.stderr
            (line,) = listed.stdout.splitlines()
            assert line.startswith("1970-01-01T00:17:00Z  it answered 400: unknown")
            assert json.loads(line[line.index("[") :]) == json.loads(batch.fields)
            assert await buffer.next_batch() is None, "looking changes nothing"

            queued = await asyncio.to_thread(command, tmp_path, "--requeue")
            assert "queued again: 1;" in queued.stdout
            again = await buffer.next_batch()
            assert again is not None
            assert (again.fields, again.digest, again.count) == (batch.fields, batch.digest, 1)
            assert await buffer.rejected() == 0
        finally:
            await buffer.close()

    asyncio.run(scenario())
    assert command(tmp_path).stdout == "nothing was rejected\n"


def test_the_rejected_command_without_a_database_says_so_in_one_line(tmp_path: Path) -> None:
    result = command(tmp_path)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "data.db" in result.stderr


def write(path: Path, sql: str, rows: Iterable[tuple[object, ...]] = ((),)) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(sql, rows)


async def reject(path: Path, *words: str) -> None:
    """Seal a window for each of `words`, and set it aside with them."""
    async with opened(path) as buffer:
        for number, one in enumerate(words):
            buffer.record(stamp(1000.0 + 60 * number), 60, [Reading(POWER, 3.0 + number)])
            await buffer.seal(dating(1020.0 + 60 * number))
            batch = await buffer.next_batch()
            assert batch is not None
            await buffer.reject(batch, one, 0.0)


async def values(path: Path) -> list[str]:
    """Take all that waits; return the averages."""
    async with opened(path) as buffer:
        return [field["value"]["avg"] for field in fields(await waiting(buffer))]


DAMAGES = {
    "another digit": "UPDATE rejected SET fields = replace(fields, '\"3\"', '\"8\"') WHERE id = 1",
    "no JSON": "UPDATE rejected SET fields = '[{' || char(7) WHERE id = 1",
    "bytes that are no text": "UPDATE rejected SET fields = CAST(x'5bc3ff5d' AS TEXT) WHERE id = 1",
    "another digest": "UPDATE rejected SET digest = 'c0ffee' WHERE id = 1",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_rejected_items_damaged_on_the_disk_are_shown_and_not_queued(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "data.db"
    asyncio.run(reject(path, "no", "no"))
    write(path, damage)
    queued = command(tmp_path, "--requeue")
    assert queued.returncode == 0, queued.stderr
    assert queued.stdout.splitlines()[2:] == [
        "queued again: 1; the daemon sends it with its next delivery",
        "damaged on the disk and not queued: 1",
    ]
    assert "\x07" not in queued.stdout
    assert asyncio.run(values(path)) == ["4"]
    assert len(command(tmp_path).stdout.splitlines()) == 1


def test_rejected_items_are_queued_again_in_a_file_that_is_not_migrated_yet(tmp_path: Path) -> None:
    """There no digest tells what is damaged; the daemon's words do, and what is no list of fields cannot be sent."""
    path = tmp_path / "data.db"
    write_earlier_file(path, 2)
    good = WAITING.replace("10.5", "7.5")
    rows = [(good, "no"), (good, "damaged on the disk"), ("5", "no"), ("[{", "no")]
    write(path, "INSERT INTO rejected (end, fields, words) VALUES (1700000100, ?, ?)", rows)
    queued = command(tmp_path, "--requeue")
    assert queued.returncode == 0, queued.stderr
    assert "queued again: 1;" in queued.stdout
    # One more is the empty list that the file begins with.
    assert "not queued: 4\n" in queued.stdout

    async def after() -> None:
        async with opened(path) as buffer:
            assert [field["value"] for field in fields(await waiting(buffer))] == [{"diff": "10.5"}, {"diff": "7.5"}]
            assert await buffer.rejected() == 4

    asyncio.run(after())


@pytest.mark.parametrize("folder", ["a#b", "a?b=c", "%41"])
def test_the_rejected_command_takes_a_path_with_signs_of_an_address(tmp_path: Path, folder: str) -> None:
    place = tmp_path / folder
    asyncio.run(reject(place / "data.db", "no"))
    assert "  no  [" in command(place).stdout
    assert [file.name for file in tmp_path.iterdir()] == [folder]


def test_the_rejected_command_keeps_the_write_ahead_log_of_an_emptied_file(tmp_path: Path) -> None:
    """SQLite throws away the log of an empty file, from which the daemon saves what it can."""
    path, log = tmp_path / "data.db", tmp_path / "data.db-wal"
    asyncio.run(reject(path, "no"))
    os.truncate(path, 0)
    log.write_bytes(b"what was not in the file yet")
    result = command(tmp_path)
    assert result.returncode == 1
    assert result.stderr == f"{path} is damaged; a start of the service saves what it can\n"
    assert log.exists()
