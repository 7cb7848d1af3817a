"""Modbus frames made by hand, from the specifications alone.

MODBUS Messaging on TCP/IP Implementation Guide V1.0b, MODBUS over Serial Line V1.02.
"""

import struct


def mbap(transaction: int, unit: int, pdu: bytes, *, protocol: int = 0, length: int | None = None) -> bytes:
    """Return a Modbus/TCP frame."""
    return struct.pack(">HHHB", transaction, protocol, len(pdu) + 1 if length is None else length, unit) + pdu


def crc(data: bytes) -> bytes:
    """Return the CRC of a serial frame, low byte first (section 6.2.2 of the serial line's specification)."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


def rtu(unit: int, pdu: bytes) -> bytes:
    """Return a serial frame."""
    frame = bytes([unit]) + pdu
    return frame + crc(frame)
