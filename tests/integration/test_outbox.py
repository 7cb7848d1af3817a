"""Sealed windows on their way out: in which order, in which pieces, and never damaged."""

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from inviseobox.buffer import Buffer
from inviseobox.clock import utc_text
from inviseobox.records import Aggregate, Reading
from tests.support.buffers import dating, fields, opened, series, stamp, waiting

from .minutes import MINUTE, START, end, windows


def run(path: Path, life: Callable[[Buffer], Awaitable[None]]) -> None:
    async def live() -> None:
        async with opened(path) as buffer:
            await life(buffer)

    asyncio.run(live())


def test_the_newest_window_goes_first_then_the_oldest(tmp_path: Path) -> None:
    async def life(buffer: Buffer) -> None:
        await windows(buffer, 0, 1, 2, 3)
        assert await buffer.backlog() == 4
        assert [batch.window_end for batch in await waiting(buffer)] == [end(3), end(0), end(1), end(2)]
        assert await buffer.backlog() == 0

    run(tmp_path / "data.db", life)


def test_a_window_that_closes_meanwhile_goes_before_the_rest_of_the_backlog(tmp_path: Path) -> None:
    async def life(buffer: Buffer) -> None:
        await windows(buffer, 0, 1, 2)
        for expected in (end(2), end(0)):
            batch = await buffer.next_batch()
            assert batch is not None
            assert batch.window_end == expected
            await buffer.accept(batch)
        await windows(buffer, 3)
        assert [batch.window_end for batch in await waiting(buffer)] == [end(3), end(1)]

    run(tmp_path / "data.db", life)


def test_batches_survive_byte_for_byte(tmp_path: Path) -> None:
    sent: list[tuple[str, str]] = []

    async def before(buffer: Buffer) -> None:
        await windows(buffer, 0, 1)
        batch = await buffer.next_batch()
        assert batch is not None
        sent.append((batch.fields, batch.digest))

    async def after(buffer: Buffer) -> None:
        batch = await buffer.next_batch()
        assert batch is not None
        assert (batch.fields, batch.digest) == sent[0]
        assert hashlib.sha256(batch.fields.encode()).hexdigest() == batch.digest

    run(tmp_path / "data.db", before)
    run(tmp_path / "data.db", after)


def test_a_large_window_is_cut_and_stays_complete(tmp_path: Path) -> None:
    many = [series(f"65a0000000000000{number:08d}") for number in range(3000)]

    async def life(buffer: Buffer) -> None:
        buffer.record(stamp(START), MINUTE, [Reading(one, 0.1 + number) for number, one in enumerate(many)])
        await buffer.seal(dating(end(0)))
        batches = await waiting(buffer)
        assert len(batches) > 3
        assert all(len(batch.fields) <= 90_000 for batch in batches)
        assert all(len(json.loads(batch.fields)) == batch.count for batch in batches)
        assert sorted(field["measurement"] for field in fields(batches)) == sorted(one.measurement for one in many)

    run(tmp_path / "data.db", life)


def test_a_status_of_thousands_is_cut_at_the_borders_of_devices(tmp_path: Path) -> None:
    async def life(buffer: Buffer) -> None:
        buffer.record(
            stamp(START),
            MINUTE,
            [
                Reading(series(f"measurement {device} {number}", device=f"device {device}"), 1.0)
                for device in range(400)
                for number in range(10)
            ],
        )
        await buffer.seal(dating(end(0)))
        devices = []
        parts = 0
        while (status := await buffer.next_status()) is not None:
            parts += 1
            assert len(status.devices) <= 90_000
            devices += json.loads(status.devices)
            await buffer.status_sent(status)
        assert parts > 1
        assert sorted(device["_id"] for device in devices) == sorted(f"device {number}" for number in range(400))
        assert all(len(device["measurements"]) == 10 for device in devices)

    run(tmp_path / "data.db", life)


DAMAGES = {
    "another digit": "UPDATE outbox SET fields = replace(fields, '\"0\"', '\"9\"') WHERE end = ?",
    "a letter that is not ASCII": "UPDATE outbox SET fields = replace(fields, 'power', 'p\xf6wer') WHERE end = ?",
    "bytes that are no text": "UPDATE outbox SET fields = CAST(x'5bc3ff5d' AS TEXT) WHERE end = ?",
    "another digest": "UPDATE outbox SET digest = 'c0ffee' WHERE end = ?",
    "nothing left": "UPDATE outbox SET fields = '' WHERE end = ?",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_batch_is_never_sent_and_stops_no_other(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "data.db"

    async def before(buffer: Buffer) -> None:
        await windows(buffer, 0, 1, 2)

    async def after(buffer: Buffer) -> None:
        assert [batch.window_end for batch in await waiting(buffer)] == [end(2), end(1)]

    run(path, before)
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(damage, (end(0),)).rowcount == 1
        connection.execute("UPDATE history SET value = replace(value, '0', '9') WHERE end = ?", (end(0),))
    run(path, after)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("splits", [0, 1, 3])
def test_a_damaged_batch_is_made_again_from_the_history(tmp_path: Path, damage: str, splits: int) -> None:
    """If the history has its digest; whole, and in parts."""
    path = tmp_path / "data.db"

    async def before(buffer: Buffer) -> None:
        buffer.record(
            stamp(START), MINUTE, [Reading(series(f"power {number}", Aggregate.AVG), 0.0) for number in range(20)]
        )
        await buffer.seal(dating(end(0)))
        for _ in range(splits):
            batch = await buffer.next_batch()
            assert batch is not None
            await buffer.split(batch)

    async def after(buffer: Buffer) -> None:
        batches = await waiting(buffer)
        if "SET digest" not in damage:
            assert [hashlib.sha256(batch.fields.encode()).hexdigest() for batch in batches] == made
        assert [field["measurement"] for field in fields(batches)] == [
            field["measurement"] for text in texts for field in json.loads(text)
        ]

    run(path, before)
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute("SELECT fields, digest FROM outbox ORDER BY id").fetchall()
        assert len(rows) == splits + 1
        texts, made = [row[0] for row in rows], [row[1] for row in rows]
        assert connection.execute(damage, (end(0),)).rowcount == splits + 1
    run(path, after)


def test_a_rejected_item_is_kept_with_the_words(tmp_path: Path) -> None:
    path = tmp_path / "data.db"

    async def life(buffer: Buffer) -> None:
        await windows(buffer, 0)
        batch = await buffer.next_batch()
        assert batch is not None
        await buffer.reject(batch, "it answered 400: no such measurement", 0.0)
        assert await buffer.next_batch() is None

    run(path, life)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT end, fields, words FROM rejected").fetchall()
    expected = {"measurement": "power", "value": {"avg": "0"}, "timestamp": utc_text(end(0))}
    assert [(row[0], json.loads(row[1]), row[2]) for row in rows] == [
        (end(0), [expected], "it answered 400: no such measurement")
    ]


def test_halves_of_a_batch_stand_in_its_place(tmp_path: Path) -> None:
    async def life(buffer: Buffer) -> None:
        buffer.record(stamp(START), MINUTE, [Reading(series(f"m{number}"), 1.0) for number in range(5)])
        await buffer.seal(dating(end(0)))
        batch = await buffer.next_batch()
        assert batch is not None
        await buffer.split(batch)
        parts = await waiting(buffer)
        assert [part.count for part in parts] == [3, 2]
        assert all(hashlib.sha256(part.fields.encode()).hexdigest() == part.digest for part in parts)
        assert fields(parts) == fields([batch])

    run(tmp_path / "data.db", life)


def test_a_late_acceptance_takes_no_other_batch_away(tmp_path: Path) -> None:
    """Ids are used again: what an answer is about is known by the digest, too."""

    async def scenario() -> None:
        async with opened(tmp_path / "data.db") as buffer:
            await windows(buffer, 0)
            late = await buffer.next_batch()
            assert late is not None
            await buffer.accept(late)
            await windows(buffer, 1)
            other = await buffer.next_batch()
            assert other is not None
            assert other.id == late.id, "as this test wants it"
            for _ in range(2):
                await buffer.accept(late)
                await buffer.postpone(late)
                await buffer.replace(late, [])
                await buffer.reject(late, "late", 0.0)
            assert await buffer.next_batch() == other
            assert await buffer.backlog() == 1

    asyncio.run(scenario())


def test_a_late_answer_to_a_status_takes_no_newer_one_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "data.db") as buffer:
            await windows(buffer, 0)
            late = await buffer.next_status()
            assert late is not None
            await windows(buffer, 1)
            newer = await buffer.next_status()
            assert newer is not None
            await buffer.status_sent(late)
            assert await buffer.next_status() == newer

    asyncio.run(scenario())
