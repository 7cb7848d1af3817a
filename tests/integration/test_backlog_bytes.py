"""The running figure of the bytes that wait is what adding them up would give, whoever changes the outbox."""

import asyncio
import random
from pathlib import Path

import pytest

from inviseobox.buffer import Buffer, rejected
from inviseobox.errors import BufferFault
from tests.support.backlogs import fill
from tests.support.buffers import opened

from .minutes import windows


async def added_up(buffer: Buffer) -> int:
    sql = "SELECT coalesce(sum(length(CAST(fields AS BLOB))), 0) FROM outbox"
    row = await buffer._run(buffer._database.row, sql)
    assert row is not None
    return int(row[0])


async def expect_right(buffer: Buffer) -> None:
    assert await buffer.backlog_bytes() == await added_up(buffer)


def test_it_is_right_after_each_change(tmp_path: Path) -> None:
    chance = random.Random(5)  # noqa: S311

    async def scenario() -> None:
        async with opened(tmp_path / "data.db") as buffer:
            assert await buffer.backlog_bytes() == 0
            for number in range(40):
                await windows(buffer, number)
                await expect_right(buffer)
                batch = await buffer.next_batch()
                assert batch is not None
                match chance.randrange(5):
                    case 0:
                        await buffer.accept(batch)
                    case 1:
                        await buffer.split(batch)
                    case 2:
                        await buffer.reject(batch, "no", 0.0)
                    case 3:
                        await buffer.postpone(batch)
                await expect_right(buffer)
            assert await added_up(buffer) > 0
            await buffer.enforce_max_size(1)
            await expect_right(buffer)

    asyncio.run(scenario())


def test_what_is_there_at_the_start_is_counted_in_steps_while_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    fill(path, ["m1", "m2"], 300, 60)

    async def scenario() -> None:
        async with opened(path) as buffer:
            assert await buffer.backlog_bytes() is None
            batches = []
            for _ in range(20):
                # The newest one is not counted yet, then the oldest ones, which are.
                batch = await buffer.next_batch()
                assert batch is not None
                await buffer.accept(batch)
                batches.append(batch.id)
            assert max(batches) > 128 > min(batches)
            while (size := await buffer.backlog_bytes()) is None:
                pass
            assert size == await added_up(buffer)

    asyncio.run(scenario())


def test_what_another_process_queues_again_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "data.db"

    async def scenario() -> None:
        async with opened(path) as buffer:
            await windows(buffer, 0, 1)
            batch = await buffer.next_batch()
            assert batch is not None
            await buffer.reject(batch, "no", 0.0)
            await expect_right(buffer)
            before = await added_up(buffer)
            assert await asyncio.to_thread(rejected.queue_again, str(path)) == 1
            assert await added_up(buffer) > before
            await expect_right(buffer)

    asyncio.run(scenario())


def test_it_begins_anew_where_the_file_was_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "data.db"

    async def scenario() -> None:
        async with opened(path) as buffer:
            await windows(buffer, 0, 1)
            await expect_right(buffer)
            path.unlink()
            await windows(buffer, 2)
            await expect_right(buffer)
            assert path.exists()

    asyncio.run(scenario())


def test_what_is_undone_is_not_counted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "data.db") as buffer:
            await windows(buffer, 0)
            await expect_right(buffer)

            def fails() -> None:
                with buffer._database.transaction():
                    buffer._database.run("DELETE FROM outbox")
                    raise BufferFault("undone")

            with pytest.raises(BufferFault, match="undone"):
                await buffer._run(fails)
            assert await added_up(buffer) > 0
            await expect_right(buffer)

    asyncio.run(scenario())
