"""Deliveries in virtual time."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

from inviseobox.simulator.central_server import CentralServer
from tests.support import virtual_time

from .uplinks import Box, box, central, known, window

HOUR = 3600.0


def delivering(
    tmp_path: Path, scenario: Callable[[Box, CentralServer], Awaitable[None]], *, strict: bool = True
) -> None:
    """Run `scenario` with a box and a server of the documented form, in virtual time.

    Not `strict` where the box tells, on purpose, of measurements that the server does not know.
    """

    async def run() -> None:
        async with central() as server, box(tmp_path / "data.db", server.url) as one:
            await scenario(one, server)
            assert not strict or server.violations == []
            assert server.conflicts() == []

    virtual_time.run(run())


async def windows_go_on(one: Box, first: int, hours: float) -> None:
    """Seal a window with one good value every ten minutes: what the server takes in between proves a refusal."""
    for number in range(first, first + int(6 * hours)):
        await asyncio.sleep(600)
        await window(one, number, [known("m399")])


def rejected(path: Path) -> list[tuple[list[str], str]]:
    """Return what was set aside: the measurements, and the server's words."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT fields, words FROM rejected").fetchall()
    return [([field["measurement"] for field in json.loads(fields)], words) for fields, words in rows]
