"""The programs of the benchmark, each a process that ends with the block that started it; what they used."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.support.daemons import CHECKOUT, Lines, environment_with

_ENDS_WITHIN = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Program:
    """A running program: the lines of its standard output, and what the kernel counts of it."""

    def __init__(self, process: "subprocess.Popen[str]", began: float) -> None:
        """Read what `process` says; it was started at `began` on the monotonic clock."""
        self.process = process
        self.began = began
        self.lines = Lines()
        self._reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self.lines.add(line.rstrip("\n"))

    def words(self, name: str, within: float = 10.0, after: int = 0) -> list[str]:
        """Return the words after `name` in the first line, from number `after` on, that begins with it."""
        return self.lines.wait_for(rf"^{name}\b", within, after).split()[1:]

    def all_words(self, name: str) -> list[list[str]]:
        """Return the words after `name` in each line that begins with it."""
        return words_of(self.lines, name)

    def stop(self) -> None:
        """End it, and wait until all it said has been read."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(_ENDS_WITHIN)
        self._reader.join(10)

    def used(self) -> "Used":
        """Return what it has used since it began."""
        return used(self.process.pid)


def words_of(lines: Lines, name: str) -> list[list[str]]:
    """Return the words after `name` in each line that begins with it."""
    return [words[1:] for line in list(lines.all) if (words := line.split()) and words[0] == name]


@contextmanager
def program(*command: str | Path, log: Path | None = None, **environment: str) -> Iterator[Program]:
    """Run a program from the checkout; its errors go to the end of `log`, else where those of the benchmark go."""
    began = time.monotonic()
    with (
        contextlib.ExitStack() as stack,
        subprocess.Popen(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=stack.enter_context(log.open("a")) if log else None,
            text=True,
            cwd=CHECKOUT,
            env=environment_with(**environment),
        ) as process,
    ):
        running = Program(process, began)
        try:
            yield running
            running.stop()
        finally:
            if process.poll() is None:
                process.kill()


def python(module: str, *arguments: str | Path) -> Sequence[str | Path]:
    """Return the command that runs a module with the python3 of the benchmark."""
    return (sys.executable, "-m", module, *arguments)


@dataclass(frozen=True, slots=True)
class Used:
    """What a process used: seconds of CPU, MB of memory now and at its highest, bytes that it made the kernel write."""

    cpu: float
    rss: float
    highest_rss: float
    written: int


def used(process: int) -> Used:
    """Ask the kernel (proc(5)). Raises OSError where the process is gone."""
    folder = Path("/proc") / str(process)
    times = (folder / "stat").read_text().rpartition(")")[2].split()
    memory = _fields(folder / "status")
    return Used(
        (int(times[11]) + int(times[12])) / _TICKS,
        int(memory["VmRSS"].split()[0]) / 1024,
        int(memory["VmHWM"].split()[0]) / 1024,
        int(_fields(folder / "io")["write_bytes"]),
    )


def _fields(file: Path) -> Mapping[str, str]:
    return dict(line.split(":", 1) for line in file.read_text().splitlines())


@dataclass(frozen=True, slots=True)
class Written:
    """What reached a block device: bytes and flushes."""

    bytes: int
    flushes: int

    def since(self, earlier: "Written") -> "Written":
        """Return what came after `earlier`."""
        return Written(self.bytes - earlier.bytes, self.flushes - earlier.flushes)


def written_to_device_of(folder: Path) -> Written:
    """Return what reached the device that holds `folder` (Documentation/block/stat.rst of the kernel)."""
    device = folder.stat().st_dev
    numbers = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat").read_text().split()
    return Written(512 * int(numbers[6]), int(numbers[15]))
