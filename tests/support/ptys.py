"""A command on a terminal, which a test sees and types on."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from .daemons import CHECKOUT, environment_with

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Screen:
    """What a command wrote on its terminal so far, and what is typed on it."""

    def __init__(self, process: "subprocess.Popen[bytes]", end: int) -> None:
        self.process = process
        self.raw = ""
        self._end = end

    @property
    def text(self) -> str:
        """What was written, without colours and movements; what was written over a line is a line of its own."""
        return _CONTROL.sub("", self.raw).replace("\r\n", "\n").replace("\r", "\n")

    def wait_for(self, words: str, within: float = 20.0, times: int = 1) -> None:
        """Wait until these words were written so many times. Raises AssertionError, which shows all."""
        deadline = time.monotonic() + within
        while self.text.count(words) < times:
            assert self._read(deadline), f"no {words!r} in:\n{self.text}"

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._end, line.encode() + b"\n")

    def press(self, key: bytes) -> None:
        """Press a key, as b"\\x03" for Ctrl-C."""
        os.write(self._end, key)

    def end(self, within: float = 30.0) -> int:
        """Wait until the command ends; return its exit status."""
        deadline = time.monotonic() + within
        while self._read(deadline):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._end], [], [], max(0.0, deadline - time.monotonic()))
        try:
            read = os.read(self._end, 65536) if ready else b""
        except OSError:
            # EIO: nobody has the terminal open any more.
            read = b""
        self.raw += read.decode("utf-8", "replace")
        return bool(read)


@contextmanager
def on_a_terminal(command: Sequence[str], *, columns: int = 80, **environment: str) -> Iterator[Screen]:
    """Run a command with a terminal of its own, of this width."""
    end, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables: Mapping[str, str] = environment_with(TERM="xterm", LC_ALL="C.UTF-8")
    variables = {name: value for name, value in variables.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    try:
        with subprocess.Popen(
            # A session of its own, whose controlling terminal this is: passwords are read from there.
            ["setsid", "--ctty", "--wait", *command],
            cwd=CHECKOUT,
            env={**variables, **environment},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        ) as process:
            os.close(terminal)
            try:
                yield Screen(process, end)
            finally:
                process.kill()
    finally:
        os.close(end)
