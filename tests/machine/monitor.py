"""Edge to qemu's monitor, which tells what happens to the machine from outside of it.

QMP is described in docs/interop/qmp-spec of qemu: JSON, a line each.
"""

import json
import socket
import time
from pathlib import Path
from typing import Any

_CONNECT_TIMEOUT = 10.0


class Monitor:
    """A connection to the monitor's socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_CONNECT_TIMEOUT)
        self._socket.connect(str(path))
        self._come = b""
        self._events: list[str] = []
        self._message(time.monotonic() + _CONNECT_TIMEOUT)  # the greeting
        self.command("qmp_capabilities")

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def command(self, name: str, within: float = 10.0, **arguments: Any) -> Any:
        """Return what the monitor answers. Raises OSError if it does not, AssertionError if it refuses."""
        self._socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        deadline = time.monotonic() + within
        while "return" not in (message := self._message(deadline)):
            assert "error" not in message, message
        return message["return"]

    def wait_for(self, event: str, within: float) -> None:
        """Wait until `event` has happened since it was last waited for, for example RESET or WATCHDOG.

        Raises:
            AssertionError: it did not happen within so many seconds.
        """
        deadline = time.monotonic() + within
        while event not in self._events:
            try:
                self._message(deadline)
            except TimeoutError:
                raise AssertionError(f"no {event} within {within:g} s") from None
        self._events.remove(event)

    def told(self) -> str:
        """Return how the machine is, and what has happened that nobody waited for; or why that cannot be known."""
        try:
            status = self.command("query-status")
        except OSError as error:
            status = error
        return f"{status}, {self._events}"

    def _message(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._come:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            read = self._socket.recv(65536)
            if not read:
                raise ConnectionResetError("qemu has ended")
            self._come += read
        line, _, self._come = self._come.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        if "event" in message:
            self._events.append(message["event"])
        return message
