"""`python3 -m tests.bench.profiled FILE run --config …`: the daemon under cProfile, in each of its threads.

When it is told to end, FILE gets what `python3 -m pstats` reads. Times are of
CPU, each thread's own, so waiting counts nothing. Compare shares: every call takes longer than it does without this.
"""

import cProfile
import pstats
import sys
import threading
import time
from pathlib import Path
from typing import Any

from inviseobox.cli import main
from inviseobox.configuration import Configuration
from inviseobox.daemon import Daemon


def profile_daemon(file: Path) -> None:
    """Let each daemon of this process be profiled."""
    run, thread_run = Daemon.run, threading.Thread.run
    profiles: list[cProfile.Profile] = []

    def in_thread(self: threading.Thread) -> None:
        profile = cProfile.Profile(time.thread_time)
        profiles.append(profile)
        profile.runcall(thread_run, self)

    async def profiled(self: Daemon, configuration: Configuration) -> None:
        profile = cProfile.Profile(time.thread_time)
        profile.enable()
        try:
            await run(self, configuration)
        finally:
            profile.disable()
            # Threads that still wait for work have counted all that they did.
            total = pstats.Stats(profile)
            for other in profiles:
                total.add(other)
            total.dump_stats(file)

    threading.Thread.run = in_thread  # type: ignore[method-assign]
    Daemon.run = profiled  # type: ignore[method-assign]


def start() -> Any:
    """Run the command of the daemon."""
    profile_daemon(Path(sys.argv.pop(1)))
    return main()


if __name__ == "__main__":
    sys.exit(start())
