"""Which of the bytes on an RTU line are the answer to a request. Pure."""

import struct
from collections.abc import Container

from inviseobox.acquisition.modbus_frame import (
    MOST_BITS,
    MOST_REGISTERS,
    READS,
    AnswerFinder,
    data_size,
    other_function,
    other_length,
    other_unit,
)
from inviseobox.acquisition.rtu_crc import RunningCrc, crc_after, sealed
from inviseobox.errors import InvalidAnswer

MOST_NOISE = 1024
"""Bytes on a serial line after which no answer is waited for any more: four of the longest frames."""
REQUEST_SIZE = 8
"""Bytes of a request that reads."""
_MOST_REFUSALS = 4
"""Exceptions with padding that are looked for at the same time; more can only have begun in noise."""


class RtuAnswerFinder(AnswerFinder):
    """Finds the answer to an RTU request.

    By MODBUS over Serial Line V1.02, section 2.5.1. Noise around it, and each echo of an adapter that hears itself, are
    passed over. An error is a frame of this unit and function that does not fit, and nothing but noise. A silence is
    not taken for the end of a frame, since adapters and serial servers make pauses of their own: a frame may begin
    wherever unit and function stand, and the one whose end comes first with a right CRC is taken.
    """

    def __init__(self, request: bytes, *, usual_echoes: int | None = None, asked: Container[int] = ()) -> None:
        """Look for the answer to this frame.

        `usual_echoes` is how often this line echoes a request, None where that is not known: an answer that is equal
        to the request is one only if it comes once more than that. `asked` are the units that are asked on this line.
        """
        self._request = request
        self._unit, self._function = request[:2]
        self._size = data_size(request)
        self._usual_echoes = usual_echoes
        self._asked = asked
        self._heard = bytearray()
        self._crc = RunningCrc()
        # The first place at which it was not looked whether a frame begins.
        self._next = 0
        # Start and end of the frames that may have begun, by the number of bytes after which each is judged.
        self._begun: dict[int, list[tuple[int, int]]] = {}
        self._judged = 0
        # The end of the last of them that has the length of the answer.
        self._answer_until = 0
        # Where exceptions may have begun, with the CRC of each so far: padding may stand in front of theirs.
        self._refusals: dict[int, int] = {}
        self._echoes: list[int] = []
        self._odd = ""
        self.rest = b""
        self.echoes = 0
        """How many echoes came before the answer."""

    def feed(self, data: bytes) -> bytes:
        """Take what came next; return the answer if it is complete now, else nothing. Raises InvalidAnswer."""
        room = MOST_NOISE - len(self._heard)
        self._heard += data[:room]
        self._crc.add(data[:room])
        self._note_beginnings(waits=True)
        if frame := self._judge():
            return frame
        if len(data) > room:
            raise InvalidAnswer("there is nothing but noise on the line")
        return b""

    def last_look(self) -> bytes:
        """Return the answer if something longer seemed to be around it, or if it is equal to the request."""
        self._note_beginnings(waits=False)
        if frame := self._judge():
            return frame
        for end in sorted(self._begun):
            for start, stop in self._begun[end]:
                if stop <= len(self._heard) and (frame := self._intact(start, stop)):
                    return frame
        if self._looks_like_answer() and self._usual_echoes is not None and len(self._echoes) > self._usual_echoes:
            return self._request
        return b""

    def oddity(self) -> str:
        """Say which frame came instead; noise is none."""
        return self._odd

    def _looks_like_answer(self) -> bool:
        """Return whether the request's bytes are an answer to it: 17 to 24 bits from an address of 0x0300 to 0x03FF."""
        return self._function <= 2 and self._request[2] == self._size == 3

    def _note_beginnings(self, *, waits: bool) -> None:
        last = len(self._heard) - 2
        while self._next < last:
            start = self._next
            first = bytes(self._heard[start : start + REQUEST_SIZE])
            if first == self._request:
                self._echoes.append(start)
                self._next += REQUEST_SIZE
                continue
            if waits and self._request.startswith(first):
                return
            self._next += 1
            if first[1] & 0x7F == self._function or first[0] == self._unit:
                self._note(start, first)

    def _note(self, start: int, first: bytes) -> None:
        unit, function, size = first[:3]
        is_own = unit == self._unit
        is_same = function & 0x7F == self._function
        if function & 0x7F not in READS:
            return
        if function & 0x80:
            end = start + 5
            if is_own and is_same:
                self._follow_from(start)
            elif not is_own:
                return
        elif size == self._size or (is_own and is_same):
            end = start + 5 + size
        else:
            return
        # Within what may be the answer it waits for its end: registers can hold what looks like a frame.
        self._begun.setdefault(max(end, self._answer_until, self._judged + 1), []).append((start, end))
        if is_own and function == self._function and size == self._size:
            self._answer_until = end

    def _follow_from(self, start: int) -> None:
        """Look for the CRC of an exception that begins here wherever it may be."""
        crc = 0xFFFF
        for byte in self._heard[start : self._judged]:
            crc = crc_after(crc, byte)
        self._refusals[start] = crc
        if len(self._refusals) > _MOST_REFUSALS:
            del self._refusals[next(iter(self._refusals))]

    def _judge(self) -> bytes:
        while self._judged < len(self._heard):
            byte = self._heard[self._judged]
            self._judged += 1
            if self._refusals:
                self._follow_refusals(byte)
            for start, end in self._begun.pop(self._judged, ()):
                if frame := self._intact(start, end):
                    return frame
        return b""

    def _follow_refusals(self, byte: int) -> None:
        longest = max(REQUEST_SIZE, 5 + self._size)
        for start, before in list(self._refusals.items()):
            length = self._judged - start
            if length <= 0:
                continue
            crc = self._refusals[start] = crc_after(before, byte)
            if length > longest:
                del self._refusals[start]
            elif crc == 0 and length > 5:
                self._begun.setdefault(max(self._judged, self._answer_until), []).append((start, self._judged))

    def _intact(self, start: int, end: int) -> bytes:
        """Return the answer, if this is one with a right CRC. Raises InvalidAnswer if it is one that does not fit."""
        if not self._crc.is_intact(start, end):
            return b""
        frame = bytes(self._heard[start:end])
        unit, function, size = frame[:3]
        if unit != self._unit:
            if unit not in self._asked:
                self._odd = other_unit(unit, self._unit)
            return b""
        if function & 0x7F != self._function:
            self._odd = other_function(function, self._function)
            return b""
        if function & 0x80:
            frame = sealed(frame[:3])
        elif size != self._size:
            if is_read_request(frame):
                return b""
            raise InvalidAnswer(other_length(size, self._size))
        self.rest = bytes(self._heard[end:])
        self.echoes = sum(echo < start for echo in self._echoes)
        return frame


def is_read_request(frame: bytes) -> bool:
    """Return whether a frame with a right CRC may be a request to read."""
    if len(frame) != REQUEST_SIZE or frame[1] not in READS:
        return False
    function: int
    address: int
    count: int
    function, address, count = struct.unpack(">BHH", frame[1:6])
    return 1 <= count <= (MOST_BITS if function <= 2 else MOST_REGISTERS) and address + count <= 0x10000


def holds_read_request(data: bytes) -> bool:
    """Return whether a whole request to read is among these bytes."""
    frames = (data[start : start + REQUEST_SIZE] for start in range(len(data) - REQUEST_SIZE + 1))
    return any(is_read_request(frame) and sealed(frame[:-2]) == frame for frame in frames)
