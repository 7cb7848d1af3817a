"""The clock that other tests rely on: it jumps over waiting, never over work."""

import asyncio
import os
import time
import tty
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import virtual_time
from tests.support.tcp import serving


def test_hours_of_virtual_time_pass_at_once_and_in_order() -> None:
    async def scenario() -> tuple[list[str], float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        seen: list[str] = []

        async def note(name: str, after: float) -> None:
            await asyncio.sleep(after)
            seen.append(name)

        await asyncio.gather(note("second", 7200), note("first", 3600), note("third", 10_000))
        return seen, loop.time() - began

    began = time.monotonic()
    seen, passed = virtual_time.run(scenario())
    assert seen == ["first", "second", "third"]
    assert passed == pytest.approx(10_000, abs=1)
    assert time.monotonic() - began < 5


def test_what_the_loop_works_on_makes_nothing_late() -> None:
    async def scenario() -> list[str]:
        loop = asyncio.get_running_loop()
        seen: list[str] = []

        def work() -> None:
            time.sleep(0.3)
            loop.call_later(0.2, seen.append, "asked for in the work")

        loop.call_later(0.1, work)
        loop.call_later(0.35, seen.append, "after the work")
        await asyncio.sleep(1)
        return seen

    assert virtual_time.run(scenario()) == ["asked for in the work", "after the work"]


def test_time_goes_on_for_who_looks_at_it_in_each_turn() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(0)
        assert loop.time() > began

    virtual_time.run(scenario())


def test_a_thread_at_work_stops_virtual_time() -> None:
    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as thread:
            began = loop.time()
            async with asyncio.timeout(5):
                await loop.run_in_executor(thread, time.sleep, 0.3)
            return loop.time() - began

    assert virtual_time.run(scenario()) < 3


def test_an_answer_over_loopback_comes_before_a_virtual_time_out() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    async def scenario() -> None:
        async with serving(echo) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                large = b"x" * 3_000_000
                for payload in [b"small"] * 300 + [large]:
                    async with asyncio.timeout(1000):
                        writer.write(payload)
                        received, _ = await asyncio.gather(reader.readexactly(len(payload)), writer.drain())
                        assert received == payload
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(1000):
                        await reader.read(1)
            finally:
                writer.close()
                await writer.wait_closed()

    virtual_time.run(scenario())


def test_a_byte_through_a_terminal_comes_before_a_virtual_time_out() -> None:
    """On a busy machine it takes the kernel as long as it likes."""
    here, there = os.openpty()
    tty.setraw(there)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        received: list[bytes] = []

        def take() -> None:
            received.append(os.read(there, 1))
            arrived.set()

        loop.add_reader(there, take)
        for _ in range(5000):
            arrived.clear()
            os.write(here, b"x")
            async with asyncio.timeout(1000):
                await arrived.wait()
        loop.remove_reader(there)
        assert received == [b"x"] * 5000

    try:
        virtual_time.run(scenario())
    finally:
        os.close(here)
        os.close(there)
