"""One unit that holds every value class in every byte order, and the double that each must be read as."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from inviseobox.simulator.encoding import BYTE_ORDERS, VALUE_CLASSES, Encoding
from inviseobox.simulator.meters import COILS, DISCRETE_INPUTS, HOLDING_REGISTERS, INPUT_REGISTERS
from inviseobox.simulator.modbus_pdu import UnitImage

ALL_VALUES_UNIT = 100

_LARGEST_SINGLE = 3.4028234663852886e38
_SMALLEST_SINGLE = 1.401298464324817e-45
_LARGEST_DOUBLE = 1.7976931348623157e308
_SMALLEST_DOUBLE = 5e-324

_SINGLES = (123456.0234375, -0.15625, 0.0, _LARGEST_SINGLE, -_LARGEST_SINGLE, _SMALLEST_SINGLE)
_DOUBLES = (math.pi, -1234.5678, 0.0, _LARGEST_DOUBLE, -_LARGEST_DOUBLE, _SMALLEST_DOUBLE)


def _signed(bits: int) -> tuple[int, ...]:
    return 0x0102030405060708 >> 64 - bits, -1, -2, -(1 << bits - 1), (1 << bits - 1) - 1, -(0x0123 % (1 << bits - 2))


def _unsigned(bits: int) -> tuple[int, ...]:
    return 0x0102030405060708 >> 64 - bits, 0, (1 << bits) - 1, 1 << bits - 1


_SAMPLES: Mapping[tuple[str, ...], tuple[float, ...]] = {
    ("FLOAT32", "SINGLE", "REAL", "UNIXTIMEF32"): _SINGLES,
    ("FLOAT64", "DOUBLE", "FLOAT", "LREAL", "UNIXTIMEF64"): _DOUBLES,
    ("INT8",): _signed(8),
    ("UINT8", "BYTE"): _unsigned(8),
    ("INT16", "INT"): _signed(16),
    ("UINT16", "UINT", "WORD"): _unsigned(16),
    ("INT32",): _signed(32),
    ("UINT32", "DWORD", "UNIXTIMEI32"): _unsigned(32),
    ("INT48",): _signed(48),
    ("UINT48",): _unsigned(48),
    # Above 2**53 not every integer is a double.
    ("INT64", "UNIXTIMEI64"): (*_signed(64), (1 << 53) + 1, -(1 << 53) - 3),
    ("UINT64",): (*_unsigned(64), (1 << 53) + 3, (1 << 63) + 1025),
    ("BCD16",): (1234, 0, 9999),
    ("BCD24",): (123456, 0, 999999, 12),
    ("BCD32",): (12345678, 0, 99999999, 90),
    ("BOOLEAN", "BOOL"): (1, 0),
}

_UNREADABLE: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("FLOAT32", (0x7FC0, 0x0000)),
    ("FLOAT32", (0x7F80, 0x0001)),
    ("FLOAT32", (0x7F80, 0x0000)),
    ("FLOAT32", (0xFF80, 0x0000)),
    ("FLOAT64", (0x7FF8, 0x0000, 0x0000, 0x0000)),
    ("FLOAT64", (0xFFF0, 0x0000, 0x0000, 0x0000)),
    ("BCD16", (0x12A4,)),
    ("BCD16", (0xFFFF,)),
    ("BCD16", (0x12E4,)),
    ("BCD24", (0x0012, 0x34F6)),
    ("BCD32", (0x1234, 0x567A)),
)
"""In the order 3-2-1-0; a quiet and a signalling NaN, infinities, nibbles above 9."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A value at its place: the registers or the bit there, and the double it stands for, None if it is unreadable."""

    value_class: str
    byte_order: str
    function_code: int
    address: int
    words: tuple[int, ...]
    expected: float | None

    @property
    def name(self) -> str:
        """What it is, for a person."""
        return f"{self.value_class} {self.byte_order} 0x{self.function_code:02x}/{self.address}: {self.expected!r}"

    def parameters(self, unit: int) -> dict[str, Any]:
        """Return the sample's parameters as the device list has them; every other class name is in lower case."""
        return {
            "register": f"0x{self.function_code:02x}",
            "address": self.address,
            "slave": unit,
            "count": len(self.words),
            "byte_order": self.byte_order,
            "value_class": self.value_class.lower() if self.address % 2 else self.value_class,
        }


def all_samples() -> tuple[Sample, ...]:
    """Return every class and order in holding and input registers alternately, then bits, then the last addresses."""
    return (*_registers(), *_bits(), *_at_the_end())


def unit_image(samples: tuple[Sample, ...]) -> UnitImage:
    """Return the registers and bits of a unit with these samples."""
    image: dict[int, dict[int, int]] = {}
    for sample in samples:
        image.setdefault(sample.function_code, {}).update(enumerate(sample.words, sample.address))
    return image


def device_of(
    samples: tuple[Sample, ...], identity: str, communication: Mapping[str, Any], unit: int = ALL_VALUES_UNIT
) -> tuple[dict[str, Any], dict[str, float | None]]:
    """Return the device with these samples, and the double to be read by measurement `_id`, None where reads must fail.

    `identity`, 24 hexadecimal digits with 0000 at their end, is the device's; its measurements are numbered there.
    """
    numbered = {f"{identity[:-4]}{number:04x}": sample for number, sample in enumerate(samples, 1)}
    measurements = [
        {
            "_id": measurement,
            "name": sample.name,
            "configuration": {"parameters": sample.parameters(unit), "response_format": ["min", "max", "avg"]},
        }
        for measurement, sample in numbered.items()
    ]
    device = {
        "_id": identity,
        "name": "Toutes les valeurs",
        "communication": dict(communication),
        "measurements": measurements,
    }
    return device, {measurement: sample.expected for measurement, sample in numbered.items()}


def _registers() -> Iterator[Sample]:
    free = {HOLDING_REGISTERS: 0, INPUT_REGISTERS: 0}
    function_codes = cycle(free)
    for encoding, words, expected in _encoded():
        function_code = next(function_codes)
        address = free[function_code]
        free[function_code] += len(words)
        yield Sample(encoding.value_class, encoding.byte_order, function_code, address, words, expected)


def _encoded() -> Iterator[tuple[Encoding, tuple[int, ...], float | None]]:
    for value_classes, values in _SAMPLES.items():
        for value_class in value_classes:
            for byte_order in BYTE_ORDERS:
                encoding = Encoding(value_class, byte_order)
                for value in values:
                    yield encoding, tuple(encoding.words(value)), float(value)
    for value_class, words in _UNREADABLE:
        yield Encoding(value_class), words, None


def _bits() -> Iterator[Sample]:
    """Yield a bit for each class on coils and on discrete inputs, where any class is one bit."""
    for function_code in (COILS, DISCRETE_INPUTS):
        for address, (value_class, byte_order) in enumerate(zip(VALUE_CLASSES, cycle(BYTE_ORDERS), strict=False)):
            bit = (address * address // 3 + function_code) & 1
            yield Sample(value_class, byte_order, function_code, address, (bit,), float(bit))


def _at_the_end() -> Iterator[Sample]:
    words = tuple(Encoding("FLOAT32").words(-0.15625))
    yield Sample("FLOAT32", "3-2-1-0", HOLDING_REGISTERS, 0x10000 - len(words), words, -0.15625)
    yield Sample("UINT16", "3-2-1-0", INPUT_REGISTERS, 0xFFFF, (0xFFFF,), 65535.0)
    yield Sample("BOOL", "3-2-1-0", COILS, 0xFFFF, (1,), 1.0)
    yield Sample("BOOL", "3-2-1-0", DISCRETE_INPUTS, 0xFFFF, (1,), 1.0)
