"""The CRC of RTU frames, by MODBUS over Serial Line V1.02, section 6.2.2. Pure."""

from collections.abc import Iterator

LONGEST_RTU = 260
"""Bytes of the longest frame that a byte count can announce, though no right one is longer than 256."""


def _crc_table() -> Iterator[int]:
    """Yield what each byte makes of a register of 0."""
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        yield crc


_CRC = tuple(_crc_table())


def crc_after(crc: int, byte: int) -> int:
    """Return the register after one more byte; it begins as 0xFFFF, and is 0 after a frame with its CRC."""
    return crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]


def sealed(body: bytes) -> bytes:
    """Return the frame of unit and PDU."""
    crc = 0xFFFF
    for byte in body:
        crc = crc_after(crc, byte)
    return body + crc.to_bytes(2, "little")


def _zeros_table() -> Iterator[tuple[int, ...]]:
    """Yield what each bit of a register becomes over 0, 1, 2… bytes of zeros; a CRC is linear in its bits."""
    bits = [1 << position for position in range(16)]
    for _ in range(LONGEST_RTU + 1):
        yield tuple(bits)
        bits = [crc_after(bit, 0) for bit in bits]


_ZEROS = tuple(_zeros_table())


class RunningCrc:
    """The CRC over bytes as they come, from which that of any frame among them follows."""

    def __init__(self) -> None:
        """Begin before the first byte."""
        # The register after each number of bytes, from 0 before the first.
        self._after = [0]

    def add(self, data: bytes) -> None:
        """Take what came next."""
        crc = self._after[-1]
        for byte in data:
            crc = crc_after(crc, byte)
            self._after.append(crc)

    def is_intact(self, start: int, end: int) -> bool:
        """Return whether the CRC over the frame from `start` to `end`, its own included, is right.

        A CRC is linear: two that differ before some bytes differ after them as they would after as many zeros. So that
        of the frame, which begins as 0xFFFF, follows from the one over all bytes as it was at start and end, without
        another look at the frame. Noise that is full of beginnings is hardly more work than any other.
        """
        before = self._after[start] ^ 0xFFFF
        after = 0
        for position, bit in enumerate(_ZEROS[end - start]):
            if before >> position & 1:
                after ^= bit
        return after == self._after[end]
