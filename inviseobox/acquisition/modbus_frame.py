"""Which of the bytes that came after a request are the frame that answers it. Pure.

No version of pymodbus checks an answer against its request: all take frames whose length does not agree with their
contents, and they differ in what they make of noise, echoes and answers that come late.
"""

import struct

from inviseobox.errors import InvalidAnswer

_MBAP = struct.Struct(">HHH")
_LONGEST_PDU = 253
_MOST_NOISE = 1024
"""Bytes on a serial line after which no answer is waited for any more: four of the longest frames."""


def tcp_answer(request: bytes, heard: bytes) -> bytes:
    """Find the answer to a Modbus/TCP request in what was heard since; give nothing while it is not complete.

    Answers to other transactions, which are late or came twice, are passed over. Raises InvalidAnswer for an answer to
    this transaction that is not one to this request, and for what is no Modbus/TCP. By MODBUS Messaging on TCP/IP
    Implementation Guide V1.0b, section 3.1.3.
    """
    transaction, _, _ = _MBAP.unpack(request[: _MBAP.size])
    while len(heard) >= _MBAP.size:
        number, protocol, length = _MBAP.unpack(heard[: _MBAP.size])
        if protocol or not 3 <= length <= _LONGEST_PDU + 1:
            raise InvalidAnswer("what it answers is not Modbus/TCP")
        size = _MBAP.size + length
        if len(heard) < size:
            break
        if number == transaction:
            _check(request[_MBAP.size :], heard[_MBAP.size : size])
            return heard[:size]
        heard = heard[size:]
    return b""


def rtu_answer(request: bytes, heard: bytes) -> bytes:
    """Find the answer to an RTU request in what was heard since; give nothing while it is not complete.

    Noise around it, and the echo of an adapter that hears itself, are passed over. A silence is not taken for the end
    of a frame, since adapters and serial servers make pauses of their own. Raises InvalidAnswer for a frame of this
    unit and function that does not fit the request, and where there is nothing but noise. By MODBUS over Serial Line
    V1.02, section 2.5.1.
    """
    unit, function = request[:2]
    start = len(request) if heard.startswith(request) else 0
    for at in range(start, len(heard) - 4):
        if heard[at] != unit or heard[at + 1] & 0x7F != function:
            continue
        size = 5 if heard[at + 1] & 0x80 else 5 + heard[at + 2]
        frame = heard[at : at + size]
        if len(frame) == size and _crc(frame) == 0:
            _check(request[:-2], frame[:-2])
            return frame
    if len(heard) > _MOST_NOISE:
        raise InvalidAnswer("there is nothing but noise on the line")
    return b""


def _check(request: bytes, answer: bytes) -> None:
    """Raise InvalidAnswer unless unit and PDU of the answer are what was asked for, or an exception."""
    unit, function, _, count = struct.unpack(">BBHH", request)
    size = (count + 7) // 8 if function <= 2 else 2 * count
    if answer[:2] == bytes([unit, function | 0x80]) and len(answer) == 3:
        return
    if answer[:2] != bytes([unit, function]) or len(answer) < 3:
        raise InvalidAnswer("an answer to another request")
    if answer[2] != size or len(answer) != 3 + size:
        raise InvalidAnswer(f"an answer of another length: {len(answer) - 3} bytes instead of {size}")


def _crc(data: bytes) -> int:
    """Return the CRC of MODBUS over Serial Line V1.02, section 6.2.2; 0 over a frame that ends with its own."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc
