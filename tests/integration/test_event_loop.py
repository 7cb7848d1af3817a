"""The daemon's event loop in a process of its own, for it changes what the kernel does for that process."""

import subprocess
import sys

from tests.support.daemons import CHECKOUT

_PROGRAM = """
import asyncio, os, pathlib
from inviseobox.host.event_loop import new_loop
loop = new_loop()
reading, writing = os.pipe()
heard = asyncio.Event()
loop.add_reader(reading, lambda: (os.read(reading, 1), heard.set()))

async def wait():
    # Short waits, with nothing to read at first, and something later.
    await asyncio.sleep(0.001)
    os.write(writing, b"x")
    while not heard.is_set():
        await asyncio.sleep(0.001)

loop.run_until_complete(wait())
print(pathlib.Path("/proc/self/timerslack_ns").read_text().strip())
"""


def test_the_kernel_adds_a_microsecond_to_short_waits_and_what_comes_in_them_is_heard() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "1000\n"
