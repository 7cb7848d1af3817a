"""Untrusted input made harmless: texts and numbers that others sent. Pure."""

import re
import unicodedata
from typing import Any
from urllib.parse import urlsplit

MAX_TEXT = 200
MAX_URL = 2000
NOT_SHOWN = "(not shown, it may hold a secret)"
"""Stands for a text that may hold a user, a password or a key, in a place that cannot be told."""
_MAX_QUOTED = 60
_LIKE_A_URL = re.compile(r"//|@|\S[?#].|[?#]\S*=", re.DOTALL)
_WHOLE = re.compile(r"[+-]?(\d{1,20}|0[xX][0-9a-fA-F]{1,16})", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def clean_text(value: object) -> str:
    """Make one line of at most 200 printable characters of an untrusted text; empty where it is not a text."""
    if not isinstance(value, str):
        return ""
    return "".join(_clean(mark) for mark in value[:MAX_TEXT]).strip()


def _clean(mark: str) -> str:
    # French puts no-break spaces before colons and units; to Python they are not printable.
    if unicodedata.category(mark) == "Zs":
        return " "
    return mark if mark.isprintable() else "\ufffd"


def shown(value: object) -> str:
    """Quote an untrusted value, whatever it is, in an error text: one line, at most 60 characters.

    Of a text that looks like a URL, as shown_url() names it; of a list or an object nothing, for it may hold one.
    """
    match value:
        case str():
            return _quoted(value)
        case list():
            return "[...]" if value else "[]"
        case dict():
            return "{...}" if value else "{}"
    try:
        text = ascii(value)
    except ValueError:
        text = f"an oversized {type(value).__name__}"
    return _shortened(text)


def _quoted(text: str) -> str:
    if _LIKE_A_URL.search(text):
        text = shown_url(text)
        if text == NOT_SHOWN:
            return text
    return _shortened(ascii(text[: _MAX_QUOTED + 1]))


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - 3] + "..."


def shown_url(url: str) -> str:
    """Name a page to people and programs: origin and path, without user, password, query and fragment.

    One line of at most 200 printable characters; NOT_SHOWN for what is not an http or https address.
    """
    if len(url) > MAX_URL:
        return NOT_SHOWN
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return NOT_SHOWN
    # Behind an @ in the path the host may stand, and before it a password that holds a slash.
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.path:
        return NOT_SHOWN
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return clean_text(f"{parts.scheme}://{host}{port}{parts.path}")


def whole_number(value: object) -> int | None:
    """Read a whole number that may come as a number or a text, decimal or with 0x; None where it is not a valid one."""
    match value:
        case bool():
            return None
        case int():
            return value
        case float():
            return int(value) if value.is_integer() and abs(value) < 2**53 else None
        case str() if _WHOLE.fullmatch(text := value.strip()):
            return int(text, 16 if "x" in text.lower() else 10)
    return None


def number(value: object) -> float | None:
    """Read a finite number that may come as a number, a numeric text or a truth value; None where it is not one."""
    match value:
        case bool() | int() | float():
            try:
                read = float(value)
            except OverflowError:
                return None
        case str() if len(value) <= MAX_TEXT and _NUMBER.fullmatch(text := value.strip()):
            read = float(text)
        case _:
            return None
    return read if read - read == 0 else None


def pick(document: Any, key: str) -> object:
    """Find `key` in a JSON document: a top-level key of that name, else a path of dots into objects and lists.

    Returns None where there is none.
    """
    if isinstance(document, dict) and key in document:
        return document[key]
    found = document
    for step in key.split("."):
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif (
            isinstance(found, list)
            and step.isascii()
            and step.isdecimal()
            and len(step) < 10
            and int(step) < len(found)
        ):
            found = found[int(step)]
        else:
            return None
    return found
