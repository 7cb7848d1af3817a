"""From what is known of the units of a link to the troubles that a person is told of. Pure.

One cause gives one trouble, at the highest level: where all of several units are silent it is the link, and where the
same is wrong with many registers of a unit it is the registers together.
"""

from collections.abc import Mapping, Sequence

from inviseobox import events
from inviseobox.acquisition.attempt import Answer
from inviseobox.acquisition.modbus_units import Failure, Unit
from inviseobox.devices.registers import Span
from inviseobox.events import Trouble, together
from inviseobox.health.troubles import LINK

_MOST_LINES = 3
"""Registers with the same cause of which each gets a line of its own; more are named together."""
_ODD_ADVICE = "does another device have its address? are the mode and the settings of its communication right?"


def link_troubles(link: str, units: Sequence[Unit]) -> dict[str, Trouble]:
    """Return what is wrong on a link that is open, by keys that stay the same from round to round."""
    troubles = _silence(link, units)
    for unit in units:
        troubles |= _registers(link, unit)
        for identity, (listed, error) in unit.unusable.items():
            troubles[f"value {identity}"] = Trouble(events.VALUE, listed.about, str(error), error.advice)
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
        is_odd = any(unit.availability.is_odd for unit in units)
        answers = "gives a valid answer" if is_odd else "answers"
        cause = f"none of its {len(units)} units {answers}: {units[0].availability.silence}"
        return {LINK: events.LINK(cause, link=link, device=names)}
    if not all(unit.availability.is_sure for unit in units) and not any(unit.availability.answers for unit in units):
        # It may be the link: that shows once all have had their turn.
        return {}
    return {_unit_key(unit): _silent(link, unit) for unit in units if unit.availability.is_silent}


def _silent(link: str, unit: Unit) -> Trouble:
    trouble = events.DEVICE(
        unit.availability.silence or "", link=link, unit=str(unit.number), device=unit.device, device_id=unit.device_id
    )
    return trouble.advising(_ODD_ADVICE) if unit.availability.is_odd else trouble


def _registers(link: str, unit: Unit) -> dict[str, Trouble]:
    """Name what the unit gives no values for: one span, or all for which the cause is the same."""
    groups: dict[str, dict[Span, Failure]] = {}
    for span, failure in unit.failures.items():
        if _is_told(unit, span, failure):
            groups.setdefault(f"{span.function:d} {failure.words}", {})[span] = failure
    troubles = {}
    for group in groups.values():
        is_alone = all(len(failure.request.wanted) == 1 for failure in group.values())
        parts = [{span: failure} for span, failure in group.items()]
        for part in parts if is_alone and len(parts) <= _MOST_LINES else [group]:
            key, trouble = _unread(link, unit, part)
            troubles[key] = trouble
    return troubles


def _is_told(unit: Unit, span: Span, failure: Failure) -> bool:
    """Whether the failure is known to be about this span, and not one of many that taught something on the way."""
    return span in unit.plan.isolated or failure.answer in (Answer.FAILED, Answer.BUSY)


def _unread(link: str, unit: Unit, failures: Mapping[Span, Failure]) -> tuple[str, Trouble]:
    spans = sorted(failures)
    failure = failures[spans[0]]
    first, last = spans[0].address, max(span.end for span in spans) - 1
    is_one = len(spans) == 1 and len(failure.request.wanted) == 1
    kind = events.BUSY if failure.answer is Answer.BUSY else events.REGISTERS
    trouble = kind(
        _cause(failure),
        link=link,
        unit=str(unit.number),
        device=unit.device,
        device_id=unit.device_id,
        addresses=str(first) if first == last else f"{first}-{last}",
        measurement=together(target.listed.measurement.name for target in unit.targets[spans[0]]) if is_one else "",
    )
    what = f"{first}+{spans[0].count}" if is_one else f"{failure.answer.name} {failure.code}"
    return f"registers {unit.number}/{spans[0].function:d}/{what}", trouble


def _cause(failure: Failure) -> str:
    match failure.answer:
        case Answer.ODD:
            return f"the device sends {failure.words}"
        case Answer.SILENT:
            return f"{failure.words} when it is asked for, though the device answers other reads"
        case _:
            return failure.words if failure.code is None else f"the device answers {failure.words}"
