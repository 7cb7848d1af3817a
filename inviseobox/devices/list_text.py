"""The text of a device list, taken apart entry by entry: never is all of it in memory as objects. Pure."""

import json
import re
from collections.abc import Iterator

from inviseobox.errors import InventoryError

MAX_VALUES = 1_000_000
"""The most values in a list; 10,000 devices with two measurements each are about half of that."""
MAX_ENTRY = 1_048_576
MAX_ENTRY_VALUES = 150_000
"""The most characters and values of one device. As an object, a value takes up to 200 bytes."""
_PIECES = [MAX_ENTRY >> halvings for halvings in range(8, -1, -1)]
_BLANKS = re.compile(r"[ \t\n\r]*")
_NOT_JSON = "the server's device list is not valid JSON"


class ListText:
    """A place in the text, which moves on with everything that is taken. Whatever moves it raises InventoryError."""

    def __init__(self, text: str) -> None:
        """Begin in front of the text. Raises InventoryError where it holds too many values."""
        if _values(text) > MAX_VALUES:
            raise InventoryError(f"the server's device list holds more than {MAX_VALUES:,} values")
        self._text = text
        self._decoder = json.JSONDecoder()
        self.at = 0
        """The place, as an index into the text."""

    def is_at(self, mark: str) -> bool:
        """Whether this mark comes next. Blanks before it are passed over."""
        if blanks := _BLANKS.match(self._text, self.at):
            self.at = blanks.end()
        return self._text.startswith(mark, self.at)

    def elements(self) -> Iterator[object]:
        """Take the list that begins here; yield its elements."""
        for _ in self._parts("[", "]"):
            yield self.value()

    def members(self) -> Iterator[str]:
        """Take the object that begins here; yield its keys. After each, the caller takes the value."""
        for _ in self._parts("{", "}"):
            key = self.value()
            self._take(":")
            if not isinstance(key, str):
                raise InventoryError(_NOT_JSON)
            yield key

    def value(self) -> object:
        """Take the value that begins here as a whole."""
        self.is_at("")
        for size in _PIECES:
            piece = self._text[self.at : self.at + size]
            if _values(piece) > MAX_ENTRY_VALUES:
                break
            try:
                value, end = self._decoder.raw_decode(piece)
            except RecursionError:
                raise InventoryError(_NOT_JSON) from None
            except ValueError:
                end = size
            if end < len(piece):
                self.at += end
                return value
            if len(piece) < size:
                raise InventoryError(_NOT_JSON)
            # Cut off by the end of the piece, or not valid: a longer one tells.
        largest = f"{MAX_ENTRY:,} characters or {MAX_ENTRY_VALUES:,} values"
        raise InventoryError(f"{_NOT_JSON}, or a device in it takes more than {largest}")

    def end(self) -> None:
        """Make sure that nothing follows."""
        self.is_at("")
        if self.at < len(self._text):
            raise InventoryError(_NOT_JSON)

    def _parts(self, first: str, last: str) -> Iterator[None]:
        self._take(first)
        if not self.is_at(last):
            yield
            while not self.is_at(last):
                self._take(",")
                yield
        self._take(last)

    def _take(self, mark: str) -> None:
        if not self.is_at(mark):
            raise InventoryError(_NOT_JSON)
        self.at += len(mark)


def without_token(text: str) -> str:
    """Keep of a device list only what is read from it: a worker object also holds the token.

    Raises InventoryError where the text is none.
    """
    place = ListText(text)
    if not place.is_at("{"):
        return text
    kept = {}
    for key in place.members():
        begin = place.at
        if key == "devices" and place.is_at("["):
            for _ in place.elements():
                pass
        else:
            place.value()
        if key in ("interval", "devices"):
            kept[key] = text[begin : place.at]
    return "{" + ", ".join(f'"{key}": {value}' for key, value in kept.items()) + "}"


def _values(text: str) -> int:
    """Count the values of a JSON text, or more: each comes after one of three marks."""
    return text.count(",") + text.count("[") + text.count("{")
