"""Buffers with a backlog, as a long outage leaves them."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from inviseobox.records import Aggregate, Reading, Series

from .buffers import dating, opened, stamp

_READS = 3


def fill(path: Path, measurements: Sequence[str], windows: int, interval: int) -> None:
    """Seal that many windows, the last of which ended a while ago; each reading is different."""
    series = [Series(measurement, "d0", "as built", (Aggregate.AVG,)) for measurement in measurements]
    first = (int(time.time()) // interval - windows - 1) * interval

    async def sealing() -> None:
        async with opened(path) as buffer:
            for window in range(windows):
                begin = first + window * interval
                for read in range(_READS):
                    values = (float(window * 1000 + number + read / 10) for number in range(len(series)))
                    readings = [Reading(one, value) for one, value in zip(series, values, strict=True)]
                    buffer.record(stamp(begin + read * interval / (_READS + 1)), interval, readings)
                await buffer.seal(dating(begin + interval))

    asyncio.run(sealing())
