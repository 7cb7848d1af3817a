"""`python3 -m tests.bench.sealing FOLDER MEASUREMENTS ROUNDS PERIOD`: windows of half an hour, filled and sealed.

The buffer alone, with a clock of its own: ROUNDS rounds of so many measurements, PERIOD seconds apart, committed as the
daemon commits them; then the window is sealed while the readings of the next one go on being recorded and committed;
then all is taken as if a server had it. Calm rounds fill some windows before that one, so that it finds files which
have their size. It says in the end, a name and a number a line:
  readings        readings of the window
  seconds         from the call that seals to its end
  cpu             seconds of CPU meanwhile, in all threads
  longest_commit  seconds that a commit took meanwhile, the longest
  longest_stall   seconds that the event loop was held up meanwhile, time without a processor taken off
  rss             MB of memory at its highest
  written         bytes that the window made the kernel write, from its first reading until all is taken
  device_bytes    what of it reached the device, and
  device_flushes  how often that was flushed; both are left out where the folder is on no disk that counts them
"""

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path

from inviseobox.buffer import Buffer
from inviseobox.delivery.windows import COMMIT_PERIOD
from inviseobox.host.event_loop import new_loop
from inviseobox.records import Reading, Series
from tests.support.buffers import dating, opened, series, stamp, waiting

from .processes import Written, used, written_to_device_of
from .watched import watch

_INTERVAL = 1800
_BEGIN = 1_700_000_000 // _INTERVAL * _INTERVAL
_WINDOWS_BEFORE = 8
_PAUSE = 1.0
"""Seconds between two commits while the window is sealed."""


def _record(buffer: Buffer, now: float, measurements: list[Series], number: int) -> None:
    buffer.record(stamp(now), _INTERVAL, [Reading(one, number + index / 7) for index, one in enumerate(measurements)])


async def _fill(buffer: Buffer, begin: int, measurements: list[Series], rounds: int, period: float) -> None:
    committed = 0.0
    for number in range(rounds):
        passed = number * period
        _record(buffer, begin + passed, measurements, number)
        if passed - committed >= COMMIT_PERIOD:
            await buffer.commit()
            committed = passed
    await buffer.commit()


async def _go_on(buffer: Buffer, measurements: list[Series], longest: list[float]) -> None:
    """Record rounds of the next window and commit them; note in `longest` what the longest commit took."""
    number = 0
    while True:
        _record(buffer, _BEGIN + _INTERVAL + number % _INTERVAL, measurements, number)
        number += 1
        began = time.monotonic()
        committing = asyncio.ensure_future(buffer.commit())
        try:
            await asyncio.shield(committing)
        finally:
            if not committing.done():
                await committing
            longest[0] = max(longest[0], time.monotonic() - began)
        await asyncio.sleep(_PAUSE)


def _device(folder: Path) -> Written | None:
    os.sync()
    try:
        return written_to_device_of(folder)
    except OSError:
        return None


async def _main(folder: Path, count: int, rounds: int, period: float) -> None:
    measurements = [series(f"65a0000000000000{number:08d}", device=f"meter {number // 20}") for number in range(count)]
    longest = [0.0]
    async with opened(folder / "data.db") as buffer:
        if period > COMMIT_PERIOD:
            for before in range(_WINDOWS_BEFORE, 0, -1):
                begin = _BEGIN - before * _INTERVAL
                await _fill(buffer, begin, measurements, rounds, period)
                await buffer.seal(dating(begin + _INTERVAL + 0.5))
                await waiting(buffer)
        device, written = _device(folder), used(os.getpid()).written
        await _fill(buffer, _BEGIN, measurements, rounds, period)
        process = used(os.getpid())
        stalls = folder / "stalls"
        beside = [
            asyncio.create_task(watch(stalls, write_every=0.0)),
            asyncio.create_task(_go_on(buffer, measurements, longest)),
        ]
        await asyncio.sleep(0.1)
        began, end = time.monotonic(), _BEGIN + _INTERVAL + 0.5
        while buffer.is_overdue(end):
            await buffer.seal(dating(end))
        seconds = time.monotonic() - began
        sealed = used(os.getpid())
        for task in beside:
            task.cancel()
        for task in beside:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await waiting(buffer)
        after, device_after = used(os.getpid()), _device(folder)
    print("readings", count * rounds)
    print("seconds", seconds)
    print("cpu", sealed.cpu - process.cpu)
    print("longest_commit", longest[0])
    print("longest_stall", stalls.read_text().split()[1])
    print("rss", sealed.highest_rss)
    print("written", after.written - written)
    if device is not None and device_after is not None:
        print("device_bytes", device_after.since(device).bytes)
        print("device_flushes", device_after.since(device).flushes)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
