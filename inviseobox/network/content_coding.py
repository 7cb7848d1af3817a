"""The content codings of HTTP bodies (RFC 9110, section 8.4.1), undone piece by piece within bounds. Pure."""

import zlib

from inviseobox.errors import InvalidAnswer
from inviseobox.untrusted import shown

_GZIP = ("gzip", "x-gzip")
_OTHERS = ("br", "compress", "x-compress", "deflate", "zstd")
"""Codings that were not asked for."""
_PIECE = 65_536


class Body:
    """A body that grows with what comes, after its coding is undone, up to `most` bytes of it.

    `is_cut` says that more came than that.
    """

    def __init__(self, coding_header: str, most: int) -> None:
        """Read the Content-Encoding header; what it names that is not a coding is ignored.

        Raises InvalidAnswer for a coding that was not asked for.
        """
        names = [name.strip().lower() for name in coding_header.split(",")]
        for name in names:
            if name in _OTHERS:
                raise InvalidAnswer(f"the answer is compressed in a way that was not asked for: {shown(name)}")
        self._inflate = [zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) for name in names if name in _GZIP]
        if len(self._inflate) > 1:
            raise InvalidAnswer("the answer is compressed more than once")
        self._most = most
        self._came = 0
        self.content = bytearray()
        self.is_cut = False

    def add(self, data: bytes) -> None:
        """Take what came. Raises InvalidAnswer where it is not compressed as it says."""
        if self._inflate:
            self._came += len(data)
            self._inflated(data)
            # Also what gives nothing has an end.
            self.is_cut = self.is_cut or self._came > self._most
        else:
            self._append(data)

    def end(self) -> None:
        """Take that nothing more comes. Raises InvalidAnswer where the end of what is compressed is missing."""
        if self._came and not all(inflate.eof for inflate in self._inflate):
            raise InvalidAnswer("the answer is not compressed as it says")

    def _append(self, data: bytes) -> None:
        room = self._most - len(self.content)
        self.content += data[:room]
        self.is_cut = self.is_cut or len(data) > room

    def _inflated(self, data: bytes) -> None:
        """Undo the coding without ever holding more than a piece beyond the bound: it may grow a thousandfold."""
        (inflate,) = self._inflate
        try:
            # What follows the end of it is no part of it, and zlib would keep it.
            while data and not self.is_cut and not inflate.eof:
                self._append(inflate.decompress(data, _PIECE))
                data = inflate.unconsumed_tail
        except zlib.error:
            raise InvalidAnswer("the answer is not compressed as it says") from None
