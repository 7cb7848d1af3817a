"""Buffers on real files, filled and emptied by hand."""

import json
import math
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from inviseobox.buffer import Buffer
from inviseobox.buffer.packing import Unreadable, unpacked
from inviseobox.records import Aggregate, Batch, Dating, Reading, Series, Stamp

ALL = tuple(Aggregate)


def series(measurement: str, *aggregates: Aggregate, device: str = "meter", fingerprint: str = "as built") -> Series:
    """Return a measurement that asks for `aggregates`, or for all of them."""
    return Series(measurement, device, fingerprint, aggregates or ALL)


def stamp(now: float) -> Stamp:
    """Return the stamp of an answer at the wall clock `now`, on a box that was started at the epoch."""
    return Stamp(now, now)


def dating(now: float) -> Dating:
    """Return what is known of the time where nothing but the wall clock tells it."""
    return Dating(now, now, is_witnessed=False, confirmed=None)


@asynccontextmanager
async def opened(path: Path, boot: str = "boot") -> AsyncIterator[Buffer]:
    """Yield the buffer at `path`, closed in the end."""
    buffer = await Buffer.open(str(path), boot)
    try:
        yield buffer
    finally:
        await buffer.close()


def read(buffer: Buffer, now: float, interval: int, one: Series, *values: float | None) -> None:
    """Record readings of one series at the wall clock `now`."""
    buffer.record(stamp(now), interval, [Reading(one, value) for value in values])


async def waiting(buffer: Buffer) -> list[Batch]:
    """Take every batch, in the order in which it would be sent."""
    batches = []
    while (batch := await buffer.next_batch()) is not None:
        batches.append(batch)
        await buffer.accept(batch)
    return batches


def fields(batches: Iterable[Batch]) -> list[dict[str, Any]]:
    """Return what the batches would tell the server."""
    return [field for batch in batches for field in json.loads(batch.fields)]


async def reports(buffer: Buffer) -> dict[tuple[str, str], dict[str, str]]:
    """Take everything; return the value of each measurement and timestamp, each of which may be there only once."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for field in fields(await waiting(buffer)):
        key = field["measurement"], field["timestamp"]
        assert key not in found, f"{key} is reported twice"
        found[key] = field["value"]
    return found


def kept(connection: sqlite3.Connection) -> list[tuple[str, float | None, int | None]]:
    """Return the readings that are not sealed, in order: measurement, value, and end of the window or None."""
    names = dict(connection.execute("SELECT key, measurement FROM series"))
    rows = connection.execute(
        "SELECT end, number, interval, boot, uptime, packed FROM reading WHERE end IS NULL "
        "OR end NOT IN (SELECT end FROM window WHERE sealed IS NOT NULL) ORDER BY number"
    ).fetchall()
    found: list[tuple[str, float | None, int | None]] = []
    for end, *row in rows:
        with suppress(Unreadable):
            for key, value in zip(*unpacked(*row), strict=True):
                found.append((names[key], value if math.isfinite(value) else None, end))
    return found
