"""From what is known of the units of a link to the troubles that a person is told of. Pure.

One cause gives one trouble, at the highest level: where all of several units are silent it is the link, and where one
exception answers a read of many registers it is the registers together.
"""

from collections.abc import Sequence

from inviseobox import events
from inviseobox.acquisition.modbus_units import Refusal, Unit
from inviseobox.devices.registers import Span
from inviseobox.events import Trouble, together
from inviseobox.health.troubles import LINK

BUSY_CODES = (5, 6)
"""Exceptions of a unit that is busy (MODBUS Application Protocol V1.1b3, section 7)."""


def link_troubles(link: str, units: Sequence[Unit]) -> dict[str, Trouble]:
    """Return what is wrong on a link that is open, by keys that stay the same from round to round."""
    troubles = _silence(link, units)
    for unit in units:
        troubles |= _refusals(link, unit)
        for identity, (listed, cause) in unit.unusable.items():
            about = listed.about
            troubles[f"value {identity}"] = Trouble(events.VALUE, about, cause)
    return troubles


def covered(units: Sequence[Unit]) -> list[str]:
    """Return the keys of units about which nothing more is to be said while the whole link is silent."""
    return [_unit_key(unit) for unit in units] if _all_silent(units) else []


def _unit_key(unit: Unit) -> str:
    return f"unit {unit.number}"


def _all_silent(units: Sequence[Unit]) -> bool:
    return len(units) > 1 and all(unit.availability.is_silent for unit in units)


def _silence(link: str, units: Sequence[Unit]) -> dict[str, Trouble]:
    if _all_silent(units):
        names = together(target.listed.device.name for unit in units for one in unit.targets.values() for target in one)
        cause = f"none of its {len(units)} units answers: {units[0].availability.silence}"
        return {LINK: events.LINK(cause, link=link, device=names)}
    return {
        _unit_key(unit): events.DEVICE(
            unit.availability.silence, link=link, unit=str(unit.number), device=unit.device, device_id=unit.device_id
        )
        for unit in units
        if unit.availability.silence is not None
    }


def _refusals(link: str, unit: Unit) -> dict[str, Trouble]:
    """Name what the unit refuses: one span, or the registers of all that were refused in reads of several."""
    groups: dict[str, list[Span]] = {}
    causes: dict[str, Refusal] = {}
    for span, refusal in unit.refusals.items():
        alone = len(refusal.request.wanted) == 1
        what = f"{span.address}+{span.count}" if alone else f"exception {refusal.code}"
        key = f"registers {unit.number}/{span.function:d}/{what}"
        groups.setdefault(key, []).append(span)
        causes[key] = refusal
    return {key: _refused(link, unit, spans, causes[key]) for key, spans in groups.items()}


def _refused(link: str, unit: Unit, spans: Sequence[Span], refusal: Refusal) -> Trouble:
    kind = events.BUSY if refusal.code in BUSY_CODES else events.REGISTERS
    targets = unit.targets[spans[0]] if len(refusal.request.wanted) == 1 else []
    first, last = min(span.address for span in spans), max(span.end for span in spans) - 1
    return kind(
        f"the device answers {refusal.words}",
        link=link,
        unit=str(unit.number),
        device=unit.device,
        device_id=unit.device_id,
        addresses=str(first) if first == last else f"{first}-{last}",
        measurement=together(target.listed.measurement.name for target in targets),
    )
