"""Files of earlier versions: what was sealed is kept; from schema 5 on they open with all that they hold."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from inviseobox.buffer import schema
from inviseobox.clock import utc_text
from inviseobox.records import Aggregate
from inviseobox.reports.batches import digest
from tests.support.buffers import dating, opened, read, reports, series

from .earlier_files import EARLIER, write_earlier_file
from .minutes import MINUTE, START, end

ENERGY = series("energy", Aggregate.DIFF)


@pytest.mark.parametrize("version", EARLIER)
def test_of_a_file_from_before_the_first_step_all_that_was_sealed_is_kept(tmp_path: Path, version: int) -> None:
    path = tmp_path / "data.db"
    write_earlier_file(path, version)
    before = path.read_bytes()

    async def scenario() -> str | None:
        async with opened(path) as buffer:
            assert await buffer.setting("device list") == "[]"
            assert not buffer.is_overdue(end(5)), "a window without readings is none"
            read(buffer, START + MINUTE + 30, MINUTE, ENERGY, 13.0)
            await buffer.seal(dating(end(1)))
            assert await buffer.rejected() == 1
            assert await reports(buffer) == {
                ("energy", utc_text(end(0))): {"diff": "10.5"},
                ("energy", utc_text(end(1))): {"diff": "2.5"},
            }
            return buffer.set_aside

    set_aside = asyncio.run(scenario())
    assert set_aside is not None
    assert Path(set_aside).read_bytes() == before


def _next_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be the program of the version after this one."""
    monkeypatch.setattr(schema, "SCHEMA", schema.SCHEMA + 1)
    step = "ALTER TABLE outbox ADD COLUMN priority INTEGER; CREATE TABLE thing (id INTEGER PRIMARY KEY) STRICT;"
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, step))


async def _fill(path: Path, window: int, value: float) -> None:
    """Seal a window, and leave a reading in the next one."""
    async with opened(path) as buffer:
        assert buffer.set_aside is None
        read(buffer, START + MINUTE * window, MINUTE, ENERGY, value)
        await buffer.seal(dating(end(window)))
        read(buffer, end(window), MINUTE, ENERGY, value + 1)


def _version(path: Path) -> tuple[int, str]:
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (oldest,) = connection.execute("SELECT value FROM setting WHERE key = 'oldest reader'").fetchone()
    return version, oldest


def test_a_step_keeps_all_and_the_version_before_works_on_the_result(tmp_path: Path) -> None:
    """Its tables and columns are all there, and what it writes into them is understood afterwards."""
    path = tmp_path / "data.db"
    asyncio.run(_fill(path, 0, 10.0))
    with pytest.MonkeyPatch.context() as later:
        _next_version(later)
        asyncio.run(_fill(path, 1, 12.0))
    assert _version(path) == (schema.SCHEMA + 1, str(schema.OLDEST_READER))
    asyncio.run(_fill(path, 2, 14.0))
    assert _version(path) == (schema.SCHEMA + 1, str(schema.OLDEST_READER))

    async def all_of_it() -> None:
        async with opened(path) as buffer:
            assert buffer.set_aside is None
            await buffer.seal(dating(end(3)))
            assert await reports(buffer) == {
                ("energy", utc_text(end(number))): {"diff": diff} for number, diff in enumerate(("0", "2", "2", "1"))
            }

    with pytest.MonkeyPatch.context() as later:
        _next_version(later)
        asyncio.run(all_of_it())


def test_a_fresh_file_has_what_the_steps_add(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as later:
        _next_version(later)
        asyncio.run(_fill(tmp_path / "fresh.db", 0, 1.0))
    assert _version(tmp_path / "fresh.db") == (schema.SCHEMA + 1, str(schema.OLDEST_READER))
    with closing(sqlite3.connect(tmp_path / "fresh.db")) as connection, connection:
        row = (START, "[7]", digest("[7]"), 1, 5)
        connection.execute("INSERT INTO outbox (end, fields, digest, count, priority) VALUES (?, ?, ?, ?, ?)", row)
        assert connection.execute("SELECT count(*) FROM thing").fetchone() == (0,)
