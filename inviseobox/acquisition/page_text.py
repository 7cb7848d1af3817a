"""The text of a sensor's page: JSON, and what small sensors write in its place and can mean one thing only. Pure.

Understood beside JSON (RFC 8259):

- bytes: UTF-8, UTF-16 and UTF-32 with or without a byte order mark, Latin-1 bytes among UTF-8, NULs behind the end;
- a bare word where a value or a key is due, as nan, -nan(ind), 1.#INF, ovf, undefined, or a number as C writes it and
  JSON does not (+21.5, 021.5): it is taken as a text, so that it costs its own value at most;
- nothing where a value is due, taken as null; a comma behind the last element; control characters inside a string.

Left as no JSON: comments, single quotes, values that a comma or a quote tore apart.
"""

import json
import re

from inviseobox.errors import InvalidAnswer

_MOST_REPAIRS = 1000
"""Places of a page that may be other than JSON wants; a page of more is none."""


def _whole(digits: str) -> int | str:
    """Read an integer. One with more digits than Python reads is taken as a text: it costs its own value only."""
    try:
        return int(digits)
    except ValueError:
        return digits


_DECODER = json.JSONDecoder(strict=False, parse_int=_whole)
_BLANK = "\ufeff\0 \t\r\n"
_LATIN_1 = {0xDC00 + byte: byte for byte in range(0x80, 0x100)}
"""What surrogateescape makes of bytes that are no UTF-8 → what they are in Latin-1."""
_END = r'(?![^\s",:\[\]{}])'
# Possessive wherever something repeats, so that the work grows with the text and not faster, whatever it is.
# A group that may be left out is not: Python 3.11 then goes on behind a part of it that matched alone.
_VALID = re.compile(
    rf"""(?:
        [\s\[\]{{}}]++
        | ,(?!\s*+[\]}}])
        | :(?!\s*+[,\]}}])
        | "[^"\\]*+(?:\\.[^"\\]*+)*+"
        | -?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?{_END}
        | (?:true|false|null|NaN|-?+Infinity){_END}
    )*+""",
    re.DOTALL | re.VERBOSE,
)
"""The longest run of what JSON may hold, and Python's json reads."""
_BARE_WORD = re.compile(rf'[^\s",:\[\]{{}}]{{1,60}}+{_END}')

_MICROSOFT = re.compile(r"([-+]?)1\.#(INF)?[A-Z]*[0-9]*")
"""How the C library of Windows writes what is no number."""


def parse_page(body: bytes) -> object:
    """Read the body of a page. Raises InvalidAnswer where it is no JSON nor anything near it."""
    text = _decoded(body).strip(_BLANK)
    try:
        return _parsed(text)
    except ValueError:
        pass
    try:
        return _parsed(_repaired(text))
    except ValueError:
        raise InvalidAnswer("its answer is not JSON") from None


def _decoded(body: bytes) -> str:
    try:
        return body.decode(json.detect_encoding(body), "surrogatepass")
    except UnicodeDecodeError:
        return body.decode("utf-8", "surrogateescape").translate(_LATIN_1)


def _parsed(text: str) -> object:
    """Parse JSON. Raises ValueError for what is none or is nested too deeply."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError from None


def _repaired(text: str) -> str:
    """Write as JSON what is meant, where that is clear. Raises ValueError."""
    if not text.startswith(("{", "[")):
        raise ValueError
    parts = []
    at = 0
    for _ in range(_MOST_REPAIRS):
        run = _VALID.match(text, at)
        end = run.end() if run else at
        parts.append(text[at:end])
        if end == len(text):
            return "".join(parts)
        if text[end] == ",":
            at = end + 1
        elif text[end] == ":":
            parts.append(":null")
            at = end + 1
        elif word := _BARE_WORD.match(text, end):
            parts.append(json.dumps(_MICROSOFT.sub(_usual, word[0])))
            at = word.end()
        else:
            break
    raise ValueError


def _usual(word: re.Match[str]) -> str:
    return word[1] + ("inf" if word[2] else "nan")
