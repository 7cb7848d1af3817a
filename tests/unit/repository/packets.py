"""OpenPGP packets, put together by hand from RFC 9580."""

MADE = 1_700_000_000
"""When the keys were made, in seconds since 1970."""


def packet(tag: int, body: bytes) -> bytes:
    """Return a packet of the older form, with the shortest length that holds it (4.2.2)."""
    kind, size = (0, 1) if len(body) < 1 << 8 else (1, 2) if len(body) < 1 << 16 else (2, 4)
    return bytes([0x80 | tag << 2 | kind]) + len(body).to_bytes(size, "big") + body


def new_packet(tag: int, body: bytes) -> bytes:
    """Return a packet of the form of today (4.2.1)."""
    length = len(body)
    if length < 192:
        size = bytes([length])
    elif length < 8384:
        size = bytes([(length - 192 >> 8) + 192, length - 192 & 0xFF])
    else:
        size = b"\xff" + length.to_bytes(4, "big")
    return bytes([0xC0 | tag]) + size + body


def public_key(made: int = MADE) -> bytes:
    """Return an ed25519 key (5.5.2); its point is nobody's."""
    return packet(6, b"\x04" + made.to_bytes(4, "big") + b"\x16" + bytes(44))
