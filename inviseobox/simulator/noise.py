"""Spoilt frames, for `faults.Deformed`: each takes the right frame and the request's and returns what is sent."""

import random
import struct

from inviseobox.simulator.modbus_reply import Deformation
from inviseobox.simulator.rtu_frame import crc16


def truncated(missing: int = 1) -> Deformation:
    """Leave out the last `missing` bytes."""
    return lambda frame, request: frame[:-missing]


def garbage_before(garbage: bytes = b"\x00\xff\x55") -> Deformation:
    """Send `garbage` first, and the right frame right after it."""
    return lambda frame, request: garbage + frame


def garbage_instead(length: int | None = None, seed: int = 0) -> Deformation:
    """Send random bytes instead, by default as many as the frame has, and others each time."""
    source = random.Random(seed)  # noqa: S311 (a die, no secret)
    return lambda frame, request: source.randbytes(len(frame) if length is None else length)


def echo(frame: bytes, request: bytes) -> bytes:
    """Send the request back before the answer, as an adapter does that hears itself."""
    return request + frame


def only_echo(frame: bytes, request: bytes) -> bytes:
    """Send the request back, and no answer."""
    return request


def flipped_bits(count: int = 1, seed: int = 0) -> Deformation:
    """Flip `count` bits, others each time."""
    source = random.Random(seed)  # noqa: S311 (a die, no secret)

    def flip(frame: bytes, request: bytes) -> bytes:
        spoilt = bytearray(frame)
        for position in source.sample(range(8 * len(frame)), count):
            spoilt[position // 8] ^= 1 << position % 8
        return bytes(spoilt)

    return flip


def wrong_crc(frame: bytes, request: bytes) -> bytes:
    """Spoil the CRC of an RTU frame."""
    return frame[:-2] + bytes(byte ^ 0xFF for byte in frame[-2:])


def crc_swapped(frame: bytes, request: bytes) -> bytes:
    """Send the CRC of an RTU frame high byte first."""
    return frame[:-2] + crc16(frame[:-2]).to_bytes(2, "big")


def wrong_transaction(frame: bytes, request: bytes) -> bytes:
    """Put the transaction identifier of the previous request into a Modbus/TCP frame."""
    (transaction,) = struct.unpack(">H", frame[:2])
    return struct.pack(">H", (transaction - 1) & 0xFFFF) + frame[2:]


def wrong_protocol(frame: bytes, request: bytes) -> bytes:
    """Put a protocol identifier other than 0 into a Modbus/TCP frame."""
    return frame[:2] + b"\x00\x01" + frame[4:]


def length_too_great(frame: bytes, request: bytes) -> bytes:
    """Promise four bytes more than come, in the header of a Modbus/TCP frame."""
    return frame[:4] + struct.pack(">H", len(frame) - 6 + 4) + frame[6:]


def length_too_small(frame: bytes, request: bytes) -> bytes:
    """Promise two bytes less than come, in the header of a Modbus/TCP frame."""
    return frame[:4] + struct.pack(">H", len(frame) - 6 - 2) + frame[6:]
