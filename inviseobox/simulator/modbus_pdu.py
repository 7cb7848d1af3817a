"""What a Modbus unit answers, by "MODBUS Application Protocol Specification V1.1b3", without a transport."""

import struct
from collections.abc import Iterable, Mapping

UnitImage = Mapping[int, Mapping[int, int]]
"""What a unit holds at one moment: function code that reads → protocol address → bit or 16-bit word."""

ILLEGAL_FUNCTION = 0x01
ILLEGAL_DATA_ADDRESS = 0x02
ILLEGAL_DATA_VALUE = 0x03
SERVER_DEVICE_FAILURE = 0x04
ACKNOWLEDGE = 0x05
SERVER_DEVICE_BUSY = 0x06
GATEWAY_PATH_UNAVAILABLE = 0x0A
GATEWAY_TARGET_FAILED_TO_RESPOND = 0x0B

# Sections 6.1 to 6.4: the most that one request may ask for.
_MOST = {0x01: 0x07D0, 0x02: 0x07D0, 0x03: 0x007D, 0x04: 0x007D}
_BIT_FUNCTIONS = (0x01, 0x02)


def exception(function_code: int, code: int) -> bytes:
    """Return an exception answer (section 7)."""
    return bytes((function_code | 0x80, code))


def answer(image: UnitImage, request: bytes) -> bytes:
    """Return the answer PDU to a request PDU of at least one byte, checked in the order of section 6's diagrams."""
    function_code = request[0]
    if function_code not in _MOST or function_code not in image:
        return exception(function_code, ILLEGAL_FUNCTION)
    if len(request) != 5:
        return exception(function_code, ILLEGAL_DATA_VALUE)
    address, count = struct.unpack(">HH", request[1:])
    if not 1 <= count <= _MOST[function_code]:
        return exception(function_code, ILLEGAL_DATA_VALUE)
    table = image[function_code]
    if any(position not in table for position in range(address, address + count)):
        return exception(function_code, ILLEGAL_DATA_ADDRESS)
    values = [table[position] for position in range(address, address + count)]
    data = _pack_bits(values) if function_code in _BIT_FUNCTIONS else struct.pack(f">{count}H", *values)
    return bytes((function_code, len(data))) + data


def served_values(request: bytes, response: bytes) -> dict[int, int]:
    """Return, by address, each bit or word that `response` tells a reader who asked `request`.

    Empty for an exception, and for an answer that does not fit the request.
    """
    if len(request) != 5 or len(response) < 2 or response[0] != request[0] or request[0] not in _MOST:
        return {}
    address, count = struct.unpack(">HH", request[1:])
    is_bits = request[0] in _BIT_FUNCTIONS
    data = response[2:]
    if response[1] != len(data) or len(data) != ((count + 7) // 8 if is_bits else 2 * count):
        return {}
    if is_bits:
        values = [data[position // 8] >> position % 8 & 1 for position in range(count)]
    else:
        values = list(struct.unpack(f">{count}H", data))
    return dict(zip(range(address, address + count), values, strict=True))


def _pack_bits(bits: Iterable[int]) -> bytes:
    # The first bit asked for is the least significant of the first byte (section 6.1).
    packed = bytearray()
    for position, bit in enumerate(bits):
        if position % 8 == 0:
            packed.append(0)
        packed[-1] |= (bit & 1) << position % 8
    return bytes(packed)
