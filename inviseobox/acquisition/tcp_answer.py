"""Which of the bytes on a Modbus/TCP connection are the answer to a request. Pure."""

import struct

from inviseobox.acquisition.modbus_frame import (
    LONGEST_PDU,
    READS,
    AnswerFinder,
    cut_short,
    data_size,
    other_function,
    other_length,
    other_number,
    other_unit,
)
from inviseobox.errors import InvalidAnswer

MOST_OTHERS = 4096
"""Bytes on a Modbus/TCP connection after which no answer is waited for any more: fifteen of the longest frames."""
_MBAP = struct.Struct(">HHH")
_HEAD = struct.Struct(">HHHBBB")
"""Number, protocol, length, unit, function, and the byte count or exception code."""
_OTHER_FUNCTIONS = frozenset((5, 6, 7, 8, 11, 12, 15, 16, 17, 20, 21, 22, 23, 24, 43))
"""Those of MODBUS Application Protocol V1.1b3, section 6, that read no bits or registers."""


class TcpAnswerFinder(AnswerFinder):
    """Finds the answer to a Modbus/TCP request.

    By MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3. Whole frames of other transactions, which
    are late or came twice, are passed over as frames, and byte by byte what is none: banners, the bytes with which a
    serial server keeps a connection alive. An exception is one as soon as its code is there, however long the header
    says it is. Values are taken only from a frame whose length, byte count, unit and function are all right: the
    surplus bytes of a longer one might be in front of them.
    """

    def __init__(self, request: bytes, *, takes_zero: bool = False) -> None:
        """Look for the answer to this frame.

        `takes_zero`: one with number 0 will do, where it is the first thing that comes.
        """
        self._number, _, _ = _MBAP.unpack_from(request)
        self._unit, self._function = request[_MBAP.size : _MBAP.size + 2]
        self._size = data_size(request[_MBAP.size :])
        self._takes_zero = takes_zero
        self._room = MOST_OTHERS
        self._heard = b""
        self._skipped = 0
        self._odd = ""
        self.rest = b""
        self.took_zero = False
        """Whether the answer had the number 0 instead of the request's."""
        self.saw_number = False
        """Whether a frame came whose number is not 0."""
        self.saw_zero = False
        """Whether one came that fits but for its number, which is 0."""

    def feed(self, data: bytes) -> bytes:
        """Take what came next; return the answer if it is complete now, else nothing. Raises InvalidAnswer."""
        self._heard += data[: self._room]
        if frame := self._search(waits=True):
            return frame
        self._room -= len(data)
        if self._room < 0:
            raise InvalidAnswer("it sends other bytes without end")
        return b""

    def last_look(self) -> bytes:
        """Return the answer if it is behind the beginning of another frame that did not come to its end."""
        return self._search(waits=False)

    def oddity(self) -> str:
        """Say what was odd; a few bytes that are no frame are none."""
        if not self._odd and self._skipped > _MBAP.size:
            return "what it answers is not Modbus/TCP"
        return self._odd

    def _search(self, *, waits: bool) -> bytes:
        start = 0
        while start < len(self._heard):
            head = self._heard[start : start + _HEAD.size]
            if waits and len(head) < _HEAD.size and _may_be_header(head):
                break
            if len(head) < _HEAD.size or not _is_header(head):
                start = self._step(start)
                continue
            end, frame = self._judge(start, head)
            if frame:
                self.rest = self._heard[end:]
                return frame
            if end > len(self._heard) and waits:
                break
            start = end if start < end <= len(self._heard) else self._step(start)
        self._heard = self._heard[start:]
        return b""

    def _step(self, start: int) -> int:
        self._skipped += 1
        return start + 1

    def _judge(self, start: int, head: bytes) -> tuple[int, bytes]:
        """Return where the frame that begins here ends (here, if it is none), and the answer if it is that one.

        Raises InvalidAnswer for a frame with our number that is not the answer, where nothing odd came before it.
        """
        number, _, length, unit, function, third = _HEAD.unpack(head)
        end = start + _MBAP.size + length
        is_first = not self._skipped
        is_zero = self._takes_zero and number == 0 and is_first and not self.saw_number and number != self._number
        if number != self._number and not is_zero:
            return self._other(start, end, number, unit, function, third, length)
        if problem := self._misfit(unit, function, third, length):
            self._odd = problem
            if end > len(self._heard):
                return (end if is_first else start), b""
            if is_first:
                raise InvalidAnswer(problem)
            return start, b""
        if function & 0x80:
            end = start + _HEAD.size
            frame = _HEAD.pack(self._number, 0, 3, unit, function, third)
        elif end > len(self._heard):
            self._odd = cut_short(len(self._heard) - start - _HEAD.size, self._size)
            return end, b""
        else:
            frame = _MBAP.pack(self._number, 0, length) + self._heard[start + _MBAP.size : end]
        self.took_zero = is_zero
        self.saw_number = self.saw_number or number != 0
        return end, frame

    def _misfit(self, unit: int, function: int, third: int, length: int) -> str:
        if unit != self._unit:
            return other_unit(unit, self._unit)
        if function & 0x7F != self._function:
            return other_function(function, self._function)
        if function & 0x80:
            return ""
        if length - 3 != self._size:
            return other_length(length - 3, self._size)
        return other_length(third, self._size) if third != self._size else ""

    def _other(
        self, start: int, end: int, number: int, unit: int, function: int, third: int, length: int
    ) -> tuple[int, bytes]:
        """Pass over a frame of another transaction, unless it only looks like one."""
        is_error = function & 0x80
        if function & 0x7F in READS:
            is_frame = bool(is_error) or 0 < third == length - 3
        else:
            is_frame = not self._skipped and function & 0x7F in _OTHER_FUNCTIONS
        if not is_frame:
            return start, b""
        if end <= len(self._heard):
            self.saw_number = self.saw_number or number != 0
            if unit == self._unit and function & 0x7F == self._function:
                self._odd = other_number(number, self._number)
                self.saw_zero = self.saw_zero or number == 0
        return end, b""


def _is_header(head: bytes) -> bool:
    protocol: int
    length: int
    _, protocol, length = _MBAP.unpack_from(head)
    return protocol == 0 and 3 <= length <= LONGEST_PDU + 1


def _may_be_header(head: bytes) -> bool:
    """Return whether the beginning of a header, or a whole one, may be that of a frame."""
    return not any(head[2:5]) and (len(head) < _MBAP.size or _is_header(head))
