"""Which of the bytes that came after a request are the frame that answers it. Pure.

No version of pymodbus checks an answer against its request: all take frames whose length does not agree with their
contents, and they differ in what they make of noise, echoes and answers that come late. Here is what Modbus/TCP and
RTU share; `tcp_answer` and `rtu_answer` look for the frames.
"""

import struct
from typing import Protocol

LONGEST_PDU = 253
"""Bytes, by MODBUS Application Protocol V1.1b3, section 4.1."""
MOST_REGISTERS = 125
MOST_BITS = 2000
READS = range(1, 5)
"""The function codes that read bits and registers."""
EXCEPTION_NAMES = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge, still working",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target silent",
}
"""MODBUS Application Protocol V1.1b3, section 7."""


class AnswerFinder(Protocol):
    """Finds the answer to one request in what comes after it, however that is cut into pieces.

    It takes in a bounded number of bytes, and its work grows with their number: a device that babbles costs a few
    milliseconds. What it returns is a frame as it should have been: without padding, with the request's number.
    """

    rest: bytes
    """What came behind the answer, once there is one."""

    def feed(self, data: bytes) -> bytes:
        """Take what came next; return the answer if it is complete now, else nothing.

        Raises InvalidAnswer once no right answer can come any more. Nothing is fed after an answer or an error.
        """

    def last_look(self) -> bytes:
        """Return the answer if it is in what came, though it had to be waited whether more comes; else nothing."""

    def oddity(self) -> str:
        """Say what was odd in what came instead of the answer; empty where nothing came that looks like one."""


def data_size(request: bytes) -> int:
    """Return the byte count of the answer to unit and PDU of a request."""
    function: int
    count: int
    _, function, _, count = struct.unpack(">BBHH", request[:6])
    return (count + 7) // 8 if function <= 2 else 2 * count


def other_unit(unit: int, asked: int) -> str:
    """Say that another unit answered."""
    return f"an answer of unit {unit} instead of {asked}"


def other_function(function: int, asked: int) -> str:
    """Say that the answer is one to another function."""
    return f"an answer to function {function & 0x7F} instead of {asked}"


def other_length(size: int, asked: int) -> str:
    """Say that the answer holds another number of bytes."""
    return f"an answer of another length: {size} bytes instead of {asked}"


def other_number(number: int, asked: int) -> str:
    """Say that the answer carries another transaction number."""
    return f"an answer with transaction number {number} instead of {asked}"


def cut_short(size: int, whole: int) -> str:
    """Say that the answer ends too early."""
    return f"an answer that is cut short: {size} bytes instead of {whole}"
