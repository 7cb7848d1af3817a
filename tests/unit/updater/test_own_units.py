"""What a new version of the updater must not take from itself."""

from dataclasses import replace

import pytest

from inviseobox.updater.own_units import Unit, fault

_SERVICE, _TIMER = "inviseobox-updater.service", "inviseobox-updater.timer"
_BEFORE = {
    _SERVICE: Unit(is_loaded=True, is_enabled=False, is_active=True),
    _TIMER: Unit(is_loaded=True, is_enabled=True, is_active=True),
}


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (_SERVICE, {"is_loaded": False}, "systemd does not understand its inviseobox-updater.service"),
        (_TIMER, {"is_loaded": False}, "systemd does not understand its inviseobox-updater.timer"),
        (_TIMER, {"is_enabled": False}, "it disables its inviseobox-updater.timer"),
        (_TIMER, {"is_active": False}, "it stops its inviseobox-updater.timer"),
        # It ends by itself.
        (_SERVICE, {"is_active": False}, ""),
    ],
)
def test_what_was_taken_is_named(name: str, change: dict[str, bool], said: str) -> None:
    assert fault(_BEFORE, {**_BEFORE, name: replace(_BEFORE[name], **change)}) == said


def test_what_somebody_took_before_is_no_fault_of_a_new_version() -> None:
    nothing = Unit(is_loaded=False, is_enabled=False, is_active=False)
    without = dict.fromkeys(_BEFORE, nothing)
    assert fault(without, without) == ""
    assert fault(_BEFORE, _BEFORE) == ""
