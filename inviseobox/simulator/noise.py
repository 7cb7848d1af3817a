"""Spoilt frames, for `faults.Deformed`: each takes the right frame and the request's and gives what is sent."""

import random
import struct

from inviseobox.simulator.modbus_reply import Deformation
from inviseobox.simulator.rtu_frame import crc16


def truncated(missing: int = 1) -> Deformation:
    """The last `missing` bytes do not come."""
    return lambda frame, request: frame[:-missing]


def garbage_before(garbage: bytes = b"\x00\xff\x55") -> Deformation:
    """`garbage` comes first, and the right frame on its heels."""
    return lambda frame, request: garbage + frame


def garbage_instead(length: int | None = None, seed: int = 0) -> Deformation:
    """Random bytes come instead, by default as many as the frame has; others each time."""
    source = random.Random(seed)  # noqa: S311 (a die, no secret)
    return lambda frame, request: source.randbytes(len(frame) if length is None else length)


def echo(frame: bytes, request: bytes) -> bytes:
    """The request comes back before the answer, as from an adapter that hears itself."""
    return request + frame


def only_echo(frame: bytes, request: bytes) -> bytes:
    """The request comes back, and no answer."""
    return request


def flipped_bits(count: int = 1, seed: int = 0) -> Deformation:
    """`count` bits are flipped, others each time."""
    source = random.Random(seed)  # noqa: S311 (a die, no secret)

    def flip(frame: bytes, request: bytes) -> bytes:
        spoilt = bytearray(frame)
        for position in source.sample(range(8 * len(frame)), count):
            spoilt[position // 8] ^= 1 << position % 8
        return bytes(spoilt)

    return flip


def wrong_crc(frame: bytes, request: bytes) -> bytes:
    """RTU: the CRC belongs to other bytes."""
    return frame[:-2] + bytes(byte ^ 0xFF for byte in frame[-2:])


def crc_swapped(frame: bytes, request: bytes) -> bytes:
    """RTU: the CRC comes high byte first."""
    return frame[:-2] + crc16(frame[:-2]).to_bytes(2, "big")


def wrong_transaction(frame: bytes, request: bytes) -> bytes:
    """Modbus/TCP: the transaction identifier of the request before this one."""
    (transaction,) = struct.unpack(">H", frame[:2])
    return struct.pack(">H", (transaction - 1) & 0xFFFF) + frame[2:]


def wrong_protocol(frame: bytes, request: bytes) -> bytes:
    """Modbus/TCP: the protocol identifier is not 0."""
    return frame[:2] + b"\x00\x01" + frame[4:]


def length_too_great(frame: bytes, request: bytes) -> bytes:
    """Modbus/TCP: the header promises four bytes more than come."""
    return frame[:4] + struct.pack(">H", len(frame) - 6 + 4) + frame[6:]


def length_too_small(frame: bytes, request: bytes) -> bytes:
    """Modbus/TCP: the header promises two bytes less than come."""
    return frame[:4] + struct.pack(">H", len(frame) - 6 - 2) + frame[6:]
