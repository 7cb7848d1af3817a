"""The real daemon in a process of its own, and what it says: its log, and its messages to the service manager."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from .clocks import MACHINE
from .processes import started

CHECKOUT = Path(__file__).parent.parent.parent


class Lines:
    """Lines that come in from somewhere; may be waited for."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._changed = threading.Condition()

    def add(self, line: str) -> None:
        """Add a line that has come."""
        with self._changed:
            self.all.append(line)
            self._changed.notify_all()

    def wait_for(self, pattern: str, within: float, after: int = 0) -> str:
        """Return the first line from number `after` on that holds `pattern`. Raises TimeoutError, which shows all."""
        found: list[str] = []

        def seen() -> bool:
            found[:] = [line for line in self.all[after:] if re.search(pattern, line)]
            return bool(found)

        with self._changed:
            if not self._changed.wait_for(seen, within):
                text = "\n".join(self.all[after:])
                raise TimeoutError(f"no {pattern!r} within {within:g} s in:\n{text}")
        return found[0]


class ServiceManager:
    """The end of NOTIFY_SOCKET at which systemd listens (sd_notify(3))."""

    def __init__(self, folder: Path) -> None:
        self.messages = Lines()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.path = str(folder / "notify")
        self._socket.bind(self.path)
        self._socket.settimeout(0.1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        while not self._stop.is_set():
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                continue
            for line in data.decode().splitlines():
                self.messages.add(line)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self._socket.close()


class Daemon:
    """One run of the daemon: `log` holds the lines of its standard error, `told` those to the service manager."""

    def __init__(self, process: "subprocess.Popen[str]", manager: ServiceManager) -> None:
        self.process = process
        self.log = Lines()
        self.told = manager.messages
        assert process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(process.stderr,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self.log.add(line.rstrip("\n"))

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM, within: float = 5.0) -> float:
        """Stop it; return the seconds that it took. Raises TimeoutExpired."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(within)
        self._reader.join(5)
        return time.monotonic() - began

    def wait(self, within: float) -> int:
        """Wait until it ends by itself; return its exit status."""
        status = self.process.wait(within)
        self._reader.join(5)
        return status

    @property
    def output(self) -> str:
        """All of its log so far."""
        return "\n".join(self.log.all)


class Place:
    """A folder with a configuration and the daemon's buffer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration = folder / "config.toml"
        self.buffer = folder / "data.db"

    def configure(self, token: str, url: str, interval: int | None = 2, **more: str) -> None:
        """Write a configuration with quick rounds; `more` are lines for the top of it."""
        lines = [f'token = "{token}"', f'url = "{url}"', *(f"{key} = {value}" for key, value in more.items())]
        if interval is not None:
            lines.append(f"interval = {interval}")
        lines += ["[modbus]", "period = 0.5", "timeout = 0.5", "[http]", "period = 1", "timeout = 2"]
        lines += ["[buffer]", f'path = "{self.buffer}"', "[log]", 'level = "debug"']
        self.configuration.write_text("\n".join(lines) + "\n")

    @contextmanager
    def daemon(self, **environment: str) -> Iterator[Daemon]:
        """Run the daemon; killed in the end, if it still runs. A traceback in its log fails the test.

        It has the clocks of the Machine that lives in this folder, where there is one.
        """
        arguments = ["inviseobox", "run", "--config", str(self.configuration)]
        if (self.folder / MACHINE).exists():
            arguments = ["tests.support.daemon_with_clocks", str(self.configuration), str(self.folder)]
        with (
            closing(ServiceManager(Path(tempfile.mkdtemp(dir=self.folder)))) as manager,
            started(
                [sys.executable, "-m", *arguments],
                cwd=CHECKOUT,
                env=environment_with(NOTIFY_SOCKET=manager.path, **environment),
                stderr=subprocess.PIPE,
            ) as process,
        ):
            daemon = Daemon(process, manager)
            try:
                yield daemon
            finally:
                process.kill()
                daemon.wait(10)
        assert "Traceback" not in daemon.output, daemon.output
        assert "error in this program" not in daemon.output, daemon.output


def environment_with(**more: str) -> Mapping[str, str]:
    """Return this process's environment without what a service manager may have put there."""
    unwanted = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM", "CREDENTIALS_DIRECTORY")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, **more}


@contextmanager
def place() -> Iterator[Place]:
    """Yield a folder with a short name, for the path of a socket has room for 108 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="box-"))
    try:
        yield Place(folder)
    finally:
        shutil.rmtree(folder)


def inviseobox(*arguments: str, within: float = 20.0) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "inviseobox", *arguments],
        cwd=CHECKOUT,
        env=environment_with(),
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
