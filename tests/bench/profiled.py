"""`python3 -m tests.bench.profiled FILE run --config …`: the daemon, looked at each 5 ms of CPU that it uses.

A signal comes whenever the process has used so much CPU (setitimer(2), ITIMER_PROF). Its handler looks where each
thread is and charges what the thread used since the last look to the functions that it finds: waiting counts nothing,
and the code runs nearly as fast as ever. Once a second of CPU, FILE gets a JSON object: "cpu", seconds in all; "own"
and "cumulative", seconds by "file:line function". What a C function uses is charged to the Python function that called
it.
"""

import json
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from inviseobox.cli import main

_PERIOD = 0.005
_WRITE_EVERY = 200
"""Looks between two writes."""


class Sampler:
    """Looks at all threads for as long as the process lives."""

    def __init__(self, file: Path) -> None:
        """Write what is found to `file`. To be made in the main thread, whose signals it takes."""
        self._file = file
        self._looks = 0
        self._used: Counter[int] = Counter()
        self._own: Counter[str] = Counter()
        self._cumulative: Counter[str] = Counter()
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _PERIOD, _PERIOD)

    def _look(self, _: int, here: FrameType | None) -> None:
        own = threading.get_ident()
        for thread, frame in sys._current_frames().items():
            self._charge(thread, here if thread == own else frame)
        self._looks += 1
        if self._looks % _WRITE_EVERY == 0:
            self._write()
        # What looking took is nobody's.
        self._used[own] = time.clock_gettime_ns(time.pthread_getcpuclockid(own))

    def _charge(self, thread: int, frame: FrameType | None) -> None:
        try:
            used = time.clock_gettime_ns(time.pthread_getcpuclockid(thread))
        except OSError:
            return  # it ended meanwhile
        spent, self._used[thread] = used - self._used[thread], used
        names = _names(frame)
        if spent <= 0 or not names:
            return
        self._own[names[0]] += spent
        for name in set(names):
            self._cumulative[name] += spent

    def _write(self) -> None:
        seconds = {
            title: {name: spent / 1e9 for name, spent in times.items()}
            for title, times in (("own", self._own), ("cumulative", self._cumulative))
        }
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps({"cpu": sum(seconds["own"].values()), **seconds}))
        new.replace(self._file)


def _names(frame: FrameType | None) -> list[str]:
    names = []
    while frame is not None:
        code = frame.f_code
        names.append(f"{code.co_filename}:{code.co_firstlineno} {code.co_qualname}")
        frame = frame.f_back
    return names


if __name__ == "__main__":
    Sampler(Path(sys.argv.pop(1)))
    sys.exit(main())
