"""Which of the bytes that came after a request are the frame that answers it. Pure.

No version of pymodbus checks an answer against its request: all take frames whose length does not agree with their
contents, and they differ in what they make of noise, echoes and answers that come late.
"""

import struct
from collections.abc import Iterator
from typing import Protocol

from inviseobox.errors import InvalidAnswer

_MBAP = struct.Struct(">HHH")
_LONGEST_PDU = 253
_LONGEST_RTU = 260
"""Bytes of the longest frame that a byte count can announce, though no right one is longer than 256."""
MOST_OTHERS = 4096
"""Bytes on a Modbus/TCP connection after which no answer is waited for any more: fifteen of the longest frames."""
MOST_NOISE = 1024
"""Bytes on a serial line after which no answer is waited for any more: four of the longest frames."""


class AnswerFinder(Protocol):
    """Finds the answer to one request in what comes after it, however that is cut into pieces.

    It takes in a bounded number of bytes, and its work grows with their number: a device that babbles costs a few
    milliseconds.
    """

    def __init__(self, request: bytes) -> None:
        """Look for the answer to this frame."""

    def feed(self, data: bytes) -> bytes:
        """Take what came next; return the answer if it is complete now, else nothing.

        Raises InvalidAnswer once no right answer can come any more. Nothing is fed after an answer or an error.
        """


class TcpAnswerFinder(AnswerFinder):
    """Finds the answer to a Modbus/TCP request.

    By MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3. Answers to other transactions, which are
    late or came twice, are passed over. Errors are an answer to this transaction that is not one to this request, what
    is no Modbus/TCP, and other answers without end.
    """

    def __init__(self, request: bytes) -> None:
        """Look for the answer to this frame."""
        self._transaction, _, _ = _MBAP.unpack_from(request)
        self._asked = request[_MBAP.size :]
        self._room = MOST_OTHERS
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Take what came next; return the answer if it is complete now, else nothing. Raises InvalidAnswer."""
        heard = self._rest + data[: self._room]
        start = 0
        while len(heard) - start >= _MBAP.size:
            number, protocol, length = _MBAP.unpack_from(heard, start)
            if protocol or not 3 <= length <= _LONGEST_PDU + 1:
                raise InvalidAnswer("what it answers is not Modbus/TCP")
            end = start + _MBAP.size + length
            if end > len(heard):
                break
            if number == self._transaction:
                _check(self._asked, heard[start + _MBAP.size : end])
                return heard[start:end]
            start = end
        self._rest = heard[start:]
        self._room -= len(data)
        if self._room < 0:
            raise InvalidAnswer("it sends other answers without end")
        return b""


class RtuAnswerFinder(AnswerFinder):
    """Finds the answer to an RTU request.

    By MODBUS over Serial Line V1.02, section 2.5.1. Noise around it, and the echo of an adapter that hears itself, are
    passed over. Errors are a frame of this unit and function that does not fit, and nothing but noise. A silence is not
    taken for the end of a frame, since adapters and serial servers make pauses of their own: a frame may begin wherever
    unit and function stand, and the one whose end comes first with a right CRC is taken.
    """

    def __init__(self, request: bytes) -> None:
        """Look for the answer to this frame."""
        self._request = request
        self._heard = bytearray()
        # The CRC register after each number of bytes, from 0 before the first.
        self._crcs = [0]
        # The first place at which it was not looked whether a frame begins.
        self._next = 0
        # Start and end of the frames that may have begun, by the number of bytes after which each is judged.
        self._begun: dict[int, list[tuple[int, int]]] = {}
        self._judged = 0
        # The end of the last of them that has the length of the answer.
        self._answer_until = 0

    def feed(self, data: bytes) -> bytes:
        """Take what came next; return the answer if it is complete now, else nothing. Raises InvalidAnswer."""
        room = MOST_NOISE - len(self._heard)
        self._hear(data[:room])
        if self._may_be_echo():
            return b""
        self._note_beginnings()
        while self._judged < len(self._heard):
            self._judged += 1
            for start, end in self._begun.pop(self._judged, ()):
                if self._is_intact(start, end):
                    frame = bytes(self._heard[start:end])
                    _check(self._request[:-2], frame[:-2])
                    return frame
        if len(data) > room:
            raise InvalidAnswer("there is nothing but noise on the line")
        return b""

    def _hear(self, data: bytes) -> None:
        self._heard += data
        crc = self._crcs[-1]
        for byte in data:
            crc = _crc_after(crc, byte)
            self._crcs.append(crc)

    def _may_be_echo(self) -> bool:
        """Pass over the request itself; return whether what was heard may still become that."""
        first = self._heard[: len(self._request)]
        if first == self._request:
            self._next = max(self._next, len(first))
            return False
        return self._request.startswith(first)

    def _note_beginnings(self) -> None:
        unit, function = self._request[:2]
        size = _data_size(self._request[:-2])
        for start in range(self._next, len(self._heard) - 2):
            if self._heard[start] != unit or self._heard[start + 1] & 0x7F != function:
                continue
            is_exception = self._heard[start + 1] != function
            end = start + (5 if is_exception else 5 + self._heard[start + 2])
            # Within what may be the answer it waits for its end: registers can hold what looks like a frame.
            self._begun.setdefault(max(end, self._answer_until), []).append((start, end))
            if not is_exception and self._heard[start + 2] == size:
                self._answer_until = end
        self._next = max(self._next, len(self._heard) - 2)

    def _is_intact(self, start: int, end: int) -> bool:
        """Return whether the CRC over the frame, its own included, is 0.

        A CRC is linear: two that differ before some bytes differ after them as they would after as many zeros. So that
        of the frame, which begins as 0xFFFF, follows from the one over all bytes as it was at start and end, without
        another look at the frame. Noise that is full of beginnings is hardly more work than any other.
        """
        return _crc_after_zeros(self._crcs[start] ^ 0xFFFF, end - start) == self._crcs[end]


def _check(request: bytes, answer: bytes) -> None:
    """Raise InvalidAnswer unless unit and PDU of the answer are what was asked for, or an exception."""
    unit, function = request[:2]
    size = _data_size(request)
    if answer[:2] == bytes([unit, function | 0x80]) and len(answer) == 3:
        return
    if answer[:2] != bytes([unit, function]) or len(answer) < 3:
        raise InvalidAnswer("an answer to another request")
    if answer[2] != size or len(answer) != 3 + size:
        raise InvalidAnswer(f"an answer of another length: {len(answer) - 3} bytes instead of {size}")


def _data_size(request: bytes) -> int:
    """Return the byte count of the answer to unit and PDU of a request."""
    function: int
    count: int
    _, function, _, count = struct.unpack(">BBHH", request)
    return (count + 7) // 8 if function <= 2 else 2 * count


def _crc_table() -> Iterator[int]:
    """Yield what each byte makes of a register of 0, by MODBUS over Serial Line V1.02, section 6.2.2."""
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        yield crc


_CRC = tuple(_crc_table())


def _crc_after(crc: int, byte: int) -> int:
    return crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]


def _zeros_table() -> Iterator[tuple[int, ...]]:
    """Yield what each bit of a register becomes over 0, 1, 2… bytes of zeros; a CRC is linear in its bits."""
    bits = [1 << position for position in range(16)]
    for _ in range(_LONGEST_RTU + 1):
        yield tuple(bits)
        bits = [_crc_after(bit, 0) for bit in bits]


_ZEROS = tuple(_zeros_table())


def _crc_after_zeros(crc: int, count: int) -> int:
    after = 0
    for position, bit in enumerate(_ZEROS[count]):
        if crc >> position & 1:
            after ^= bit
    return after
