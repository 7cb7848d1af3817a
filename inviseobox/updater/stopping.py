"""SIGTERM and SIGINT: noted at once, obeyed where it is safe."""

import os
import select
import signal
from types import FrameType

from .errors import Stopped


class Stop:
    """Whether somebody asked the program to end.

    dpkg is never ended by this: it runs in a session of its own, and the unit has KillMode=mixed.
    """

    def __init__(self) -> None:
        """Begin with nobody having asked."""
        self.is_asked = False
        self._woken, self._wakes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def listen(self) -> None:
        """Note these signals from now on; to be called once, in the main thread."""
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def check(self) -> None:
        """Return where it is safe to end. Raises Stopped if somebody asked for it."""
        if self.is_asked:
            raise Stopped("was asked to stop; the next run goes on from here")

    def wait(self, seconds: float) -> None:
        """Wait. Raises Stopped, also in the middle of it."""
        self.check()
        if select.select([self._woken], [], [], max(seconds, 0))[0]:
            os.read(self._woken, 4096)
        self.check()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.is_asked = True
