"""Whether the simulated line sees what a client does wrong: it would be no news that nobody breaks a rule otherwise."""

import os
import select
import time
import tty

from .daemon_runs import Figures
from .places import line

_REQUEST = bytes.fromhex("010300000002c40b")
_ANSWER = 9
_ALONE = 0.05
"""Seconds of silence that are enough by far."""
_MIDDLE = 0.016
"""Seconds after a request when its answer is on the line: the request takes 8.3 ms, the silence 3.6, the answer 9.4."""
_TRIES = 5
"""A busy machine may be late with a request that was to come too early."""
_EXPECTED = {"violations": 2, "readings": 5, "rubbish": 0}


def line_sees_violations() -> Figures:
    """Break the rule of silence twice, and keep it twice. Raises AssertionError where the line saw anything else."""
    seen: list[dict[str, float]] = []
    while _EXPECTED not in seen:
        assert len(seen) < _TRIES, f"the line saw {seen}"
        seen.append(_seen())
    return {}


def _seen() -> dict[str, float]:
    with line("scattered") as (meters, port):
        terminal = os.open(port, os.O_RDWR | os.O_NOCTTY)
        try:
            tty.setraw(terminal)
            _exchange(terminal, pause=0.0, answers=1)
            _exchange(terminal, pause=_ALONE, answers=1)
            # At once after an answer, then while one is on the line.
            _exchange(terminal, pause=0.0, answers=1)
            time.sleep(_ALONE)
            os.write(terminal, _REQUEST)
            _exchange(terminal, pause=_MIDDLE, answers=2)
        finally:
            os.close(terminal)
        meters.stop()
        return {name: float(meters.words(name)[0]) for name in _EXPECTED}


def _exchange(terminal: int, *, pause: float, answers: int) -> None:
    time.sleep(pause)
    os.write(terminal, _REQUEST)
    received = b""
    while len(received) < answers * _ANSWER:
        assert select.select([terminal], [], [], 5)[0], "the line does not answer"
        received += os.read(terminal, answers * _ANSWER - len(received))
