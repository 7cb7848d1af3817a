"""What is not valid HTTP about the beginning of an answer, in words for a technician. Pure.

An answer begins with a status line and headers (RFC 9112, sections 4 and 5). What is told of it is short, escaped, and
nothing that may be a token, a password or a key.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from inviseobox.untrusted import NOT_SHOWN, shown

LEAST_TOLD = 5
"""The bytes of an answer after which it is judged."""
_PREFIX = b"HTTP/"
_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] [0-9]{3}( .*)?", re.DOTALL)
_NAME = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_LIKE_A_SECRET = re.compile(r"[-+/=_0-9A-Za-z]{24}|basic |bearer |token|passw", re.IGNORECASE)
_LEAST_SECRET = 3
_WORD = re.compile(rb"[^\s\"':,{}\[\]]{4,}")
_BY_LIBRARY = {
    "illegal chunk header": "a chunk of its body has no valid length",
    "illegal header line": "a header line has a sign that none may have",
    "Receive buffer too long": "its headers are too long",
    "Content-Length": "its Content-Length is not valid",
    "Transfer-Encoding": "its Transfer-Encoding is not chunked",
}
"""What stands in the texts of h11 → what it means."""
_TLS_ALERT, _TLS_HANDSHAKE = 0x15, 0x16
_MODBUS_FUNCTIONS = (*range(1, 5), *range(0x81, 0x85))


def is_no_http(begun: bytes | bytearray) -> bool:
    """Whether what has come so far cannot become an HTTP answer any more."""
    start = bytes(begun).lstrip(b"\r\n")[: len(_PREFIX)]
    return not _PREFIX.startswith(start)


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request nobody is told: parts of its URL, and what it sent."""

    url: str = field(default="", repr=False)
    content: bytes = field(default=b"", repr=False)

    def hides(self, line: bytes) -> bool:
        """Whether a line of the answer repeats what nobody is told, or looks as if it held a secret."""
        text = line.decode("latin-1").lower()
        return (
            any(secret.lower() in text for secret in _secrets(self.url))
            or any(word in self.content for word in _WORD.findall(line))
            or _LIKE_A_SECRET.search(text) is not None
        )


def fault(begun: bytes, library: str, asked: Asked) -> str:
    """Say what is wrong with an answer that has `begun` so, and of which the `library` says so; empty if nothing is."""
    told = _Telling(asked)
    if not begun:
        return ""
    if is_no_http(begun):
        return told.what_came(begun)
    return told.odd_line(begun) or next((words for said, words in _BY_LIBRARY.items() if said in library), "")


class _Telling:
    """The words for one answer."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def what_came(self, begun: bytes) -> str:
        """Name what is no HTTP at all."""
        if begun[0] in (_TLS_ALERT, _TLS_HANDSHAKE) and begun[1:2] == b"\x03":
            return "it is TLS, so the address may have to begin with https"
        if len(begun) >= 8 and begun[2:4] == b"\0\0" and begun[7] in _MODBUS_FUNCTIONS:
            return f"it is Modbus ({begun[:12].hex(' ')})"
        if begun.startswith(b"SSH-"):
            return f"it is SSH ({self._told(begun)})"
        return f"it begins with {self._told(begun)}"

    def odd_line(self, begun: bytes) -> str:
        """Name the first line of the head that is not valid, empty if none is."""
        head, end, _ = begun.lstrip(b"\r\n").replace(b"\r\n", b"\n").partition(b"\n\n")
        lines = head.split(b"\n")
        if not end:
            # The last one may have been cut off.
            lines.pop()
        if lines and not _STATUS_LINE.fullmatch(lines[0]):
            return f"its first line is {self._told(lines[0])}"
        for line in lines[1:]:
            name, colon, _ = line.partition(b":")
            if not colon and line[:1] not in (b" ", b"\t"):
                return f"a header line has no colon: {self._told(line)}"
            if colon and not _NAME.fullmatch(name) and line[:1] not in (b" ", b"\t"):
                return f"a header line has no valid name: {self._told(line)}"
        return ""

    def _told(self, line: bytes) -> str:
        line = line[:200].split(b"\n", 1)[0].rstrip(b"\r")
        return NOT_SHOWN if self._asked.hides(line) else shown(line.decode("latin-1"))


def _secrets(url: str) -> tuple[str, ...]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ()
    pieces = [parts.username or "", parts.password or "", parts.fragment]
    pieces += [piece for pair in parts.query.split("&") for piece in (pair, pair.partition("=")[2])]
    found = dict.fromkeys(text for piece in pieces for text in (piece, unquote(piece)))
    return tuple(text for text in found if len(text) >= _LEAST_SECRET)
