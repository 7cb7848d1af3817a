"""ok, partial, dead."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.reports.device_status import device_status, halved, measurement_status, status_lists

_LIMIT = 1000


@pytest.mark.parametrize(
    ("good", "reads", "status"),
    [(10, 10, "ok"), (9, 10, "partial"), (1, 10, "partial"), (0, 10, "dead"), (0, 1, "dead")],
)
def test_the_status_of_a_measurement_follows_its_reads(good: int, reads: int, status: str) -> None:
    assert measurement_status(good, reads) == status


@pytest.mark.parametrize(
    ("measurements", "status"),
    [
        (["ok"], "ok"),
        (["ok", "ok"], "ok"),
        (["dead", "dead"], "dead"),
        (["partial"], "partial"),
        (["ok", "dead"], "partial"),
        (["dead", "ok", "partial"], "partial"),
        (["dead", "partial"], "partial"),
        (["ok", "partial"], "partial"),
    ],
)
def test_the_status_of_a_device_follows_its_measurements(measurements: list[str], status: str) -> None:
    entries = [{"_id": f"m{number}", "status": state} for number, state in enumerate(measurements)]
    assert device_status("d", entries) == {"_id": "d", "status": status, "measurements": entries}


def told(lists: Iterable[str]) -> list[tuple[str, str, str, str]]:
    """Return what the lists say, in their order: device, its status, measurement, its status."""
    entries: list[dict[str, Any]] = [entry for one in lists for entry in json.loads(one)]
    return [
        (entry["_id"], entry["status"], inner["_id"], inner["status"])
        for entry in entries
        for inner in entry["measurements"]
    ]


_STATES = st.sampled_from(("ok", "partial", "dead"))
_DEVICES = st.lists(st.lists(_STATES, min_size=1, max_size=60), max_size=6).map(
    lambda devices: [
        device_status(
            f"d\u00e9 {number}", [{"_id": f"{number} {at}", "status": state} for at, state in enumerate(states)]
        )
        for number, states in enumerate(devices)
    ]
)


@given(_DEVICES)
def test_status_lists_say_everything_once_within_the_limit(devices: list[dict[str, object]]) -> None:
    lists = list(status_lists(devices, _LIMIT))
    assert told(lists) == told([json.dumps(devices)])
    assert all(len(one) <= _LIMIT for one in lists)


@given(_DEVICES.filter(bool))
def test_halves_of_a_status_list_say_the_same_until_nothing_can_be_halved(devices: list[dict[str, object]]) -> None:
    waiting, single = [json.dumps(devices)], []
    while waiting:
        one = waiting.pop(0)
        parts = halved(one)
        assert all(len(part) < len(one) for part in parts)
        if parts:
            waiting[:0] = parts
        else:
            single.append(one)
    assert told(single) == told([json.dumps(devices)])
    assert all(len(told([one])) == 1 for one in single)
