"""SIGTERM and SIGINT: noted at once, obeyed where it is safe. SIGALRM: ends a run that hangs."""

import faulthandler
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from .errors import Stopped

_SILENT_FOR = 900
"""Seconds after which a run that does not get on is ended: it would keep every later one away.

One dpkg with its deadline is shorter, and so is every other step in which it does not come here.
"""


class Stop:
    """Whether somebody asked the program to end.

    dpkg is never ended by this: it runs in a session of its own, and the unit has KillMode=mixed. Whoever looks here
    gets on.
    """

    def __init__(self) -> None:
        """Begin with nobody having asked."""
        self.is_asked = False
        self._is_listening = False
        self._put_off = 0
        self._woken, self._wakes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def listen(self) -> None:
        """Note these signals from now on; to be called once, in the main thread."""
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)
        # It says where the run hangs; then the signal does what it does by itself.
        faulthandler.register(signal.SIGALRM, chain=True)
        self._is_listening = True
        self.get_on()

    def end(self) -> None:
        """Listen no more for a run that hangs."""
        self._is_listening = False
        signal.alarm(0)

    def get_on(self) -> None:
        """Put off the end of a run that hangs; to be called where it gets on."""
        if self._is_listening:
            # By no clock that can be set, and whatever the interpreter is doing: alarm(2).
            signal.alarm(_SILENT_FOR)

    @property
    def is_due(self) -> bool:
        """Whether somebody asked, and what is being done may be left as it is."""
        return self.is_asked and not self._put_off

    @contextmanager
    def put_off(self) -> Iterator[None]:
        """Obey nobody meanwhile: what was begun is brought to its end, and must be short."""
        self._put_off += 1
        try:
            yield
        finally:
            self._put_off -= 1

    def check(self) -> None:
        """Return where it is safe to end. Raises Stopped if somebody asked for it."""
        self.get_on()
        if self.is_due:
            raise Stopped("was asked to stop; the next run goes on from here")

    def wait(self, seconds: float) -> None:
        """Wait. Raises Stopped, also in the middle of it."""
        self.check()
        if select.select([self._woken], [], [], max(seconds, 0))[0]:
            os.read(self._woken, 4096)
        self.check()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.is_asked = True
