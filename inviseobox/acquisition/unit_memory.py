"""What devices taught about how they like to be read, kept over restarts. Pure: the caller stores the text."""

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from inviseobox.acquisition.retry import FIRST_TRIAL, LATER, Retry
from inviseobox.acquisition.unit_plan import SHORTEST_LIMIT, Knowledge, UnitPlan
from inviseobox.devices.registers import Span


class UnitMemory:
    """The cuts, lengths and isolated registers of every unit, by the unit's name.

    Knowledge belongs to the measurements that a unit has at the time: when the device list changes them, it is void.
    Of most units there is nothing to know, which takes no place.
    """

    def __init__(self, save: Callable[[str], None]) -> None:
        """Begin with nothing; hand the text to keep to `save` whenever it changes."""
        self._save = save
        self._units: dict[str, dict[str, Any]] = {}
        self._noted: dict[str, tuple[frozenset[Span], Knowledge]] = {}

    def load(self, text: str) -> None:
        """Take over what was saved. A text that is not a valid memory teaches nothing."""
        try:
            units = json.loads(text)
        except (ValueError, RecursionError):
            return
        if isinstance(units, dict):
            self._units = {name: known for name, known in units.items() if _is_intact(known) and _teaches(known)}

    def teach(self, name: str, plan: UnitPlan) -> None:
        """Teach a new plan what is known of the unit. Isolated registers are tried again at once."""
        known = self._units.get(name)
        if known is None or known["of"] != _identity(plan):
            return
        for span in plan.listed:
            if _written(span) in known["narrowed"] and span in plan.least:
                plan.narrow(span)
        plan.cuts = {span: Retry(None, FIRST_TRIAL) for span in plan.wanted if _written(span) in known["cuts"]}
        plan.isolated = {span: Retry(0.0, LATER) for span in plan.wanted if _written(span) in known["isolated"]}
        if known["shortened"] is not None:
            plan.shortened = known["shortened"]

    def note(self, name: str, plan: UnitPlan) -> None:
        """Keep what a plan has learned by now."""
        if self._noted.get(name) == (plan.listed, plan.knowledge):
            return
        self._noted[name] = plan.listed, plan.knowledge
        known = {
            "of": _identity(plan),
            "cuts": sorted(map(_written, plan.cuts)),
            "isolated": sorted(map(_written, plan.isolated)),
            "narrowed": sorted(map(_written, plan.listed - plan.wanted)),
            "shortened": plan.shortened,
        }
        kept = {name: known} if _teaches(known) else {}
        if self._units.get(name) != kept.get(name):
            self._units.pop(name, None)
            self._units |= kept
            self._save(json.dumps(self._units))

    def keep_only(self, names: Iterable[str]) -> None:
        """Forget all units but these."""
        wanted = set(names)
        kept = {name: known for name, known in self._units.items() if name in wanted}
        self._noted = {name: noted for name, noted in self._noted.items() if name in wanted}
        if kept != self._units:
            self._units = kept
            self._save(json.dumps(kept))


def _is_intact(known: object) -> bool:
    return (
        isinstance(known, dict)
        and isinstance(known.get("of"), str)
        and all(isinstance(known.get(key), list) for key in ("cuts", "isolated", "narrowed"))
        and "shortened" in known
        and (known["shortened"] is None or (type(known["shortened"]) is int and known["shortened"] >= SHORTEST_LIMIT))
    )


def _teaches(known: dict[str, Any]) -> bool:
    return any(known[key] for key in ("cuts", "isolated", "narrowed", "shortened"))


def _written(span: Span) -> list[int]:
    return [span.unit, int(span.function), span.address, span.count]


def _identity(plan: UnitPlan) -> str:
    wanted = sorted(map(_written, plan.listed))
    return hashlib.sha256(json.dumps([wanted, plan.gap]).encode()).hexdigest()[:16]
