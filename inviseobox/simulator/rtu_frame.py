"""Frames of Modbus RTU, by "MODBUS over Serial Line Specification and Implementation Guide V1.02", section 2.5.1."""

MAX_FRAME = 256
BITS_PER_CHARACTER = 11
"""One start bit, eight data bits, parity or a second stop bit, one stop bit (section 2.5.1)."""

_POLYNOMIAL = 0xA001


def crc16(data: bytes) -> int:
    """Return the CRC of section 6.2.2 (appendix B); its low byte is sent first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ _POLYNOMIAL if crc & 1 else crc >> 1
    return crc


def sealed(unit: int, pdu: bytes) -> bytes:
    """Return the frame of a PDU to or from `unit`."""
    body = bytes([unit]) + pdu
    return body + crc16(body).to_bytes(2, "little")


def opened(frame: bytes) -> tuple[int, bytes] | None:
    """Return unit and PDU of a frame, None if it is not a valid frame."""
    if not 4 <= len(frame) <= MAX_FRAME or sealed(frame[0], frame[1:-2]) != frame:
        return None
    return frame[0], frame[1:-2]


def character_time(baudrate: int | None) -> float:
    """Return the seconds that one byte takes on the line; 0 for None, a line that is infinitely fast."""
    return 0.0 if baudrate is None else BITS_PER_CHARACTER / baudrate


def silent_interval(baudrate: int | None) -> float:
    """Return the least silence between two frames in s: 3.5 characters, 1.75 ms above 19,200 Bd (section 2.5.1.1)."""
    if baudrate is None:
        return 0.0
    return 3.5 * character_time(baudrate) if baudrate <= 19_200 else 0.00175
