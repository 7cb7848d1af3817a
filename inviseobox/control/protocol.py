"""What is asked and answered on the control socket, as protocol.md describes it. Pure.

A connection takes one request, a line of JSON; the answer is lines of JSON, the last of which is END.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from inviseobox.errors import RequestRefused
from inviseobox.untrusted import MAX_TEXT, shown

VERSION = 1
MOST_REQUEST = 4096
"""Bytes of a request."""
MOST_REPORTS = 20_000
"""Lines of a history, the newest."""
RECENT_WINDOWS = 24
"""Windows of which `recent` tells the averages."""
END = '{"end": true}\n'
SOCKET = "control.sock"
"""The socket's name in the runtime directory."""
RUNTIME_DIRECTORY = "/run/inviseobox"
_LATEST = 2**53


class Code(StrEnum):
    """Why there is no answer, for programs."""

    REQUEST = "request"
    """The line is no request."""
    VERSION = "version"
    """It is of another version of the protocol."""
    BUFFER = "buffer"
    """The database cannot be read at the moment."""


@dataclass(frozen=True, slots=True)
class Status:
    """Ask for the state of the daemon, the devices and their measurements.

    `recent`: with the averages of the last windows. `select`: those only of which the name holds this text, or of
    which it is the _id.
    """

    recent: bool = False
    select: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """Ask for the sealed windows of one measurement, by its _id, that ended after `since`, seconds since the epoch."""

    measurement: str
    since: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """Ask for what the server refused for good."""


Request = Status | History | Rejected


def parse(line: bytes) -> Request:
    """Read a request. Raises RequestRefused."""
    try:
        content = json.loads(line.decode())
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise _misunderstood("a request is a line of JSON, an object, in UTF-8")
    if content.get("version") != VERSION or isinstance(content["version"], bool):
        text = f"this daemon speaks version {VERSION} of the protocol, not {shown(content.get('version'))}"
        raise RequestRefused(text, Code.VERSION)
    match content.get("ask"):
        case "status":
            return Status(_recent(content.get("recent", False)), _text(content.get("select", ""), "select", 0))
        case "history":
            return History(_text(content.get("measurement"), "measurement", 1), _since(content.get("since", 0)))
        case "rejected":
            return Rejected()
        case other:
            raise _misunderstood(f"ask must be one of status, history, rejected, not {shown(other)}")


def _recent(value: object) -> bool:
    if not isinstance(value, bool):
        raise _misunderstood(f"recent must be true or false, not {shown(value)}")
    return value


def _text(value: object, key: str, shortest: int) -> str:
    if not isinstance(value, str) or not shortest <= len(value) <= MAX_TEXT or not value.isprintable():
        raise _misunderstood(f"{key} must be a text of {shortest} to {MAX_TEXT} printable characters")
    return value


def _since(value: object) -> int:
    match value:
        case bool():
            pass
        case int():
            # Which may be larger than any number with a point.
            return min(max(value, 0), _LATEST)
        case float() if math.isfinite(value):
            return int(min(max(value, 0.0), _LATEST))
    raise _misunderstood(f"since must be seconds since the epoch, not {shown(value)}")


def _misunderstood(text: str) -> RequestRefused:
    return RequestRefused(text, Code.REQUEST)


def request_line(request: Request) -> bytes:
    """Write a request as it is sent."""
    asked: dict[str, object] = {"version": VERSION}
    match request:
        case Status(recent, select):
            asked |= {"ask": "status", "recent": recent, "select": select}
        case History(measurement, since):
            asked |= {"ask": "history", "measurement": measurement, "since": since}
        case Rejected():
            asked |= {"ask": "rejected"}
    return json.dumps(asked).encode() + b"\n"


def error_line(error: RequestRefused) -> str:
    """Write the line that stands in the place of an answer, or of the rest of one."""
    return json.dumps({"error": str(error), "code": error.code}) + "\n"


def is_end(content: Mapping[str, Any]) -> bool:
    """Whether this is the last line of an answer. A window's end is a number, and 1 is equal to True."""
    return content.get("end") is True


def socket_path(environment: Mapping[str, str]) -> str:
    """Return where the socket is: in RUNTIME_DIRECTORY where there is such a variable (systemd.exec(5))."""
    return f"{environment.get('RUNTIME_DIRECTORY') or RUNTIME_DIRECTORY}/{SOCKET}"
