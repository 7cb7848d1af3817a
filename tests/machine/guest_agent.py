"""Edge to qemu-guest-agent, which runs commands in the machine for whoever is on its socket.

Its protocol is described in docs/interop/qemu-ga-ref of qemu: JSON, a line each way.
"""

import base64
import contextlib
import itertools
import json
import socket
import time
from pathlib import Path
from typing import Any

from tests.support.root_shell import ENVIRONMENT, CommandError

# Not 0xFF as a text: a byte that is in no JSON. It ends whatever an earlier connection left half-said.
_DELIMITER = b"\xff"
_SYNC_TIMEOUT = 3.0
_CONNECT_TIMEOUT = 10.0
# A machine that a busy host leaves little of its processors answers nobody for a minute.
_ANSWER_WITHIN = 300.0
_SLOWEST_POLL = 0.25
_SHELL = "/bin/sh"

_numbers = itertools.count(int(time.time()))


class GuestAgent:
    """A connection to the agent's socket, which lasts as long as qemu; the agent itself comes and goes."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_CONNECT_TIMEOUT)
        self._socket.connect(str(path))
        self._come = b""

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def answers(self, within: float = _SYNC_TIMEOUT) -> bool:
        """Return whether the agent answers within so many seconds; what was asked before is forgotten."""
        number = next(_numbers)
        question = {"execute": "guest-sync-delimited", "arguments": {"id": number}}
        deadline = time.monotonic() + within
        self._come = b""
        try:
            self._socket.sendall(_DELIMITER + json.dumps(question).encode() + b"\n")
            while True:
                line = self._line(deadline).rpartition(_DELIMITER)[2]
                # An earlier question may have waited for the agent's start, and its answer comes first.
                with contextlib.suppress(ValueError):
                    if json.loads(line) == {"return": number}:
                        return True
        except OSError:
            return False

    def ask(self, command: str, within: float = _ANSWER_WITHIN, **arguments: Any) -> Any:
        """Return what the agent answers.

        Raises:
            CommandError: it refused, is not there, or did not answer within so many seconds.
        """
        question = {"execute": command, "arguments": {key.replace("_", "-"): arguments[key] for key in arguments}}
        try:
            self._socket.settimeout(within)
            self._socket.sendall(json.dumps(question).encode() + b"\n")
            answer = json.loads(self._line(time.monotonic() + within))
        except (OSError, ValueError) as error:
            raise CommandError(f"{command}: the machine does not answer ({error})") from None
        if "error" in answer:
            raise CommandError(f"{command}: {answer['error'].get('desc')}")
        return answer["return"]

    def start(self, *command: str, text: str = "") -> int:
        """Start a command and return its process id. Raises CommandError as `ask`."""
        # The agent looks for programs in its own PATH; a shell looks in that of the command.
        started = self.ask(
            "guest-exec",
            path=_SHELL,
            arg=["-c", 'exec "$@"', "run", *command],
            env=list(ENVIRONMENT),
            input_data=base64.b64encode(text.encode()).decode(),
            capture_output=True,
        )
        return int(started["pid"])

    def result(self, pid: int, within: float) -> tuple[int, str, str]:
        """Wait for the end of what `start` began; return its status (-N after signal N), output and errors.

        Raises:
            CommandError: it has not ended within so many seconds, or the machine does not answer any more.
        """
        deadline = time.monotonic() + within
        pause = 0.01
        while not (state := self.ask("guest-exec-status", pid=pid))["exited"]:
            if time.monotonic() > deadline:
                raise CommandError(f"process {pid} has not ended within {within:g} s")
            time.sleep(pause)
            pause = min(2 * pause, _SLOWEST_POLL)
        status = state["exitcode"] if "exitcode" in state else -int(state["signal"])
        return status, _text(state.get("out-data")), _text(state.get("err-data"))

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._come:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            read = self._socket.recv(65536)
            if not read:
                raise ConnectionResetError("qemu has ended")
            self._come += read
        line, _, self._come = self._come.partition(b"\n")
        return line


def _text(encoded: str | None) -> str:
    return base64.b64decode(encoded or "").decode(errors="replace")
