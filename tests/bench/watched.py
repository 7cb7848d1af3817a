"""`python3 -m tests.bench.watched FILE run --config …`: the daemon, whose event loop is watched from within.

A task beside its own sleeps again and again for a hundredth of a second. How much later than that it goes on is how
long the loop was held up. The longest so far goes to FILE, in seconds: all of it, and without the time in which the
kernel let the thread wait for a processor, which says how busy the machine was. The watching itself costs CPU, so what
a daemon uses is not measured in such a run.
"""

import asyncio
import sys
import threading
from pathlib import Path

from inviseobox.cli import main
from inviseobox.configuration import Configuration
from inviseobox.daemon import Daemon

_SLEEP = 0.01


def _waited() -> float:
    """Return the seconds in which this thread wanted a processor and had none (Documentation/scheduler/sched-stats)."""
    return int(Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_text().split()[1]) / 1e9


def _write(file: Path, longest: float, own: float) -> None:
    file.write_text(f"{longest:.6f} {own:.6f}\n")


def _is_removed(file: Path) -> bool:
    return not file.exists()


async def watch(file: Path, write_every: float = 1.0) -> None:
    """Watch the loop that runs this; what is found is written to `file` every so many seconds, where it is new.

    Whoever removes the file lets it begin anew.
    """
    loop = asyncio.get_running_loop()
    longest = own = 0.0
    _write(file, longest, own)
    written, waited = loop.time(), _waited()
    while True:
        before = loop.time()
        await asyncio.sleep(_SLEEP)
        late = loop.time() - before - _SLEEP
        waited, earlier = _waited(), waited
        longest = max(longest, late)
        own = max(own, late - (waited - earlier))
        if loop.time() - written > write_every:
            written = loop.time()
            if _is_removed(file):
                longest = own = 0.0
            _write(file, longest, own)


def watch_daemon(file: Path) -> None:
    """Let each daemon of this process be watched."""
    run = Daemon.run

    async def watched(self: Daemon, configuration: Configuration) -> None:
        watching = asyncio.create_task(watch(file))
        try:
            await run(self, configuration)
        finally:
            watching.cancel()

    Daemon.run = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    watch_daemon(Path(sys.argv.pop(1)))
    sys.exit(main())
