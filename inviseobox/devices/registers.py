"""What a read of registers is named by: a unit, a function code, and a run of addresses. Pure."""

from dataclasses import dataclass
from enum import IntEnum

MAX_REGISTERS = 125
MAX_BITS = 2000
"""The longest reads (MODBUS Application Protocol V1.1b3, sections 6.1 to 6.4)."""


class FunctionCode(IntEnum):
    """The function codes that read."""

    COILS = 1
    DISCRETE_INPUTS = 2
    HOLDING_REGISTERS = 3
    INPUT_REGISTERS = 4

    @property
    def reads_bits(self) -> bool:
        """Whether an address holds one bit rather than a 16-bit register."""
        return self in (FunctionCode.COILS, FunctionCode.DISCRETE_INPUTS)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """What is wanted or asked: `count` addresses from `address` on, of one unit, with one function code."""

    unit: int
    function: FunctionCode
    address: int
    count: int

    def __hash__(self) -> int:
        """Return what is equal for equal ones: quicker than of the four, for it is asked for often."""
        return (self.unit << 40) | (self.function << 36) | (self.address << 16) | self.count

    @property
    def end(self) -> int:
        """The first address after the span."""
        return self.address + self.count
