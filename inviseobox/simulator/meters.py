"""The instruments of the simulated metering site and their register maps."""

from collections.abc import Sequence
from dataclasses import dataclass

from inviseobox.simulator.encoding import Encoding
from inviseobox.simulator.modbus_pdu import UnitImage
from inviseobox.simulator.signals import Counter, Signal, Wave

STANDARD_FLOAT = Encoding("FLOAT32", "3-2-1-0")

COILS, DISCRETE_INPUTS, HOLDING_REGISTERS, INPUT_REGISTERS = 1, 2, 3, 4

WATT_HOURS_PER_WATT_SECOND = 1 / 3600
KILOWATT_HOURS_PER_WATT_SECOND = 1 / 3_600_000


@dataclass(frozen=True, slots=True)
class Register:
    """Where a unit keeps one quantity, and how.

    For coils and discrete inputs the signal is 0 or 1, the encoding UINT16, and the value takes one bit.
    """

    name: str
    function_code: int
    address: int
    signal: Signal
    encoding: Encoding = STANDARD_FLOAT


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive addresses a unit answers for; those without a quantity read as 0, as on many meters."""

    function_code: int
    address: int
    count: int


@dataclass(frozen=True, slots=True)
class Meter:
    """One Modbus unit."""

    unit: int
    registers: tuple[Register, ...]
    spans: tuple[Span, ...] = ()

    def image(self, t: float) -> UnitImage:
        """Return the unit's registers and bits `t` seconds after the site was switched on."""
        image: dict[int, dict[int, int]] = {}
        for span in self.spans:
            image.setdefault(span.function_code, {}).update(
                dict.fromkeys(range(span.address, span.address + span.count), 0)
            )
        for register in self.registers:
            words = register.encoding.words(register.signal(t))
            image.setdefault(register.function_code, {}).update(enumerate(words, register.address))
        return image

    def register(self, name: str) -> Register:
        """Return the register of that name. Raises KeyError if there is none."""
        for register in self.registers:
            if register.name == name:
                return register
        raise KeyError(name)


def metering_site() -> list[Meter]:
    """Return the units behind the gateway: the main electricity meter, a cold room's sub-meter, a heat meter."""
    return [_main_electricity_meter(), _cold_room_meter(), _heat_meter()]


def bus_meters() -> list[Meter]:
    """Return the units on the RS-485 line at a serial port: a cooling unit's sub-meter and a water meter."""
    power = Wave(3_200.0, 1_400.0, 33.0, 0.3)
    flow = Wave(0.4, 0.3, 27.0, 1.2)
    cooling = (
        Register("Puissance", INPUT_REGISTERS, 52, power),
        Register("Énergie", INPUT_REGISTERS, 72, Counter(77_300.0, power, WATT_HOURS_PER_WATT_SECOND)),
        Register("Marche", COILS, 0, _above(power, 3_000.0), Encoding("BOOL")),
    )
    water = (
        Register("Index", HOLDING_REGISTERS, 0, Counter(912_345.0, flow), Encoding("UINT32", "1-0-3-2")),
        Register("Débit", HOLDING_REGISTERS, 2, flow, Encoding("FLOAT32", "1-0-3-2")),
    )
    return [
        Meter(1, cooling, (Span(INPUT_REGISTERS, 0, 80),)),
        Meter(2, water, (Span(HOLDING_REGISTERS, 0, 10),)),
    ]


def server_meters() -> list[Meter]:
    """Return the unit behind the serial server: a solar inverter."""
    power = Wave(8_000.0, 4_500.0, 43.0, 0.9)
    registers = (
        Register("Production", HOLDING_REGISTERS, 30, Counter(4_321_000.0, power, 1 / 3600), Encoding("UINT48")),
        Register("Puissance", HOLDING_REGISTERS, 33, power, Encoding("INT32")),
        Register("Température", HOLDING_REGISTERS, 35, Wave(-4.0, 9.0, 71.0), Encoding("INT16")),
    )
    return [Meter(11, registers)]


def two_blocks(unit: int, *, gap: int = 4, holes: bool = False) -> Meter:
    """Return a unit of 20 single floats in two blocks of ten, `gap` registers apart; with `holes` it lacks the gap."""
    second = 20 + gap
    addresses = (*range(0, 20, 2), *range(second, second + 20, 2))
    registers = tuple(
        Register(f"value {number}", HOLDING_REGISTERS, address, Wave(100.0 * unit + number, 3.0, 20.0 + number))
        for number, address in enumerate(addresses, 1)
    )
    return Meter(unit, registers, () if holes else (Span(HOLDING_REGISTERS, 0, second + 20),))


def _main_electricity_meter() -> Meter:
    power = Wave(12_400.0, 5_300.0, 47.0)
    registers = [
        Register(f"voltage L{phase}", INPUT_REGISTERS, 2 * (phase - 1), Wave(231.0, 4.5, 31.0, 2.1 * phase))
        for phase in (1, 2, 3)
    ]
    registers += [
        Register("power", INPUT_REGISTERS, 52, power),
        Register("energy", INPUT_REGISTERS, 72, Counter(1_234_567.0, power, WATT_HOURS_PER_WATT_SECOND)),
    ]
    return Meter(1, tuple(registers), (Span(INPUT_REGISTERS, 0, 80),))


def _cold_room_meter() -> Meter:
    """Return a meter whose map has holes: what lies between its quantities is refused with exception 2."""
    power = Wave(1_750.0, 1_200.0, 29.0, 0.7)
    words_swapped = Encoding("FLOAT32", "1-0-3-2")
    return Meter(
        2,
        (
            Register("power", HOLDING_REGISTERS, 4096, power, words_swapped),
            Register(
                "energy",
                HOLDING_REGISTERS,
                4100,
                Counter(85_200.0, power, WATT_HOURS_PER_WATT_SECOND),
                words_swapped,
            ),
            Register("compressor", COILS, 0, _above(power, 1_500.0), Encoding("UINT16")),
            Register("door", DISCRETE_INPUTS, 3, _above(Wave(0.0, 1.0, 17.0), 0.8), Encoding("UINT16")),
        ),
        (Span(COILS, 0, 8), Span(DISCRETE_INPUTS, 0, 8)),
    )


def _heat_meter() -> Meter:
    power = Wave(25_000.0, 9_000.0, 61.0, 1.9)
    reversed_bytes = Encoding("FLOAT32", "0-1-2-3")
    return Meter(
        3,
        (
            Register(
                "energy",
                HOLDING_REGISTERS,
                200,
                Counter(5_120.0, power, KILOWATT_HOURS_PER_WATT_SECOND),
                reversed_bytes,
            ),
            Register("flow temperature", HOLDING_REGISTERS, 202, Wave(62.5, 6.0, 53.0), reversed_bytes),
            Register("return temperature", HOLDING_REGISTERS, 204, Wave(41.0, 3.0, 67.0, 1.1), reversed_bytes),
            Register("ambient", INPUT_REGISTERS, 10, Wave(-2.0, 5.0, 41.0), Encoding("FLOAT32", "2-3-0-1")),
        ),
        (Span(HOLDING_REGISTERS, 200, 16),),
    )


def _above(signal: Signal, threshold: float) -> Signal:
    return lambda t: float(signal(t) > threshold)


def by_unit(meters: Sequence[Meter]) -> dict[int, Meter]:
    """Index meters by their unit."""
    return {meter.unit: meter for meter in meters}
