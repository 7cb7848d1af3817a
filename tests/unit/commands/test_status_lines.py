"""What `inviseobox status` says, and in which order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from inviseobox.commands.box_state import BoxState
from inviseobox.commands.layout import ASCII, CONSOLE, FULL, Glyphs, Tone
from inviseobox.commands.status_lines import MOST_ROWS, View, status_lines
from tests.support.hostile_names import HOSTILE

NOW = 10_000.0
TOP: dict[str, Any] = {
    "version": "0.2.0",
    "written_at": NOW,
    "interval": 1800,
    "progress": {"polling": NOW - 5, "commits": NOW, "delivery": NOW - 600},
    "last_delivered_window": 9000,
    "backlog_windows": 0,
    "rejected_deliveries": 0,
    "clock_confirmed": {"at": NOW - 60, "by": "the server"},
    "dated_by": "confirmed clock",
    "disk_free": 2_000_000_000,
    "troubles": [],
    "links": [],
}


def measurement(name: str = "Power", **more: Any) -> dict[str, Any]:
    content = {"_id": f"id of {name}", "name": name, "unit": "W", "value": 12.5, "at": NOW - 5, "answers": True}
    return {**content, "good_reads": 9, "reads": 10, "recent": [1.0, 2.0, None, 3.0], **more}


def device(name: str, *measurements: dict[str, Any], link: str = "/dev/ttyUSB0") -> dict[str, Any]:
    return {"_id": f"id of {name}", "name": name, "link": link, "units": [3], "measurements": list(measurements)}


def shown(
    devices: list[dict[str, Any]], problem: tuple[str, ...] = (), view: View | None = None, **top: Any
) -> list[str]:
    state = BoxState({**TOP, **top}, devices)
    return [line.text for line in status_lines(state, problem, view or View(80, FULL, NOW))]


def words(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def trouble(subject: str, cause: str, **fields: str) -> dict[str, Any]:
    return {"kind": "DEVICE", "subject": subject, "cause": cause, "fields": fields}


SILENT = measurement(answers=False, good_reads=0)


def test_the_verdict_comes_first_and_a_measurement_has_all_that_is_known_of_it() -> None:
    lines = shown([device("Kitchen", measurement())])
    assert lines[0] == "All is well. Devices that answer: 1 of 1."
    assert "Service  version 0.2.0, windows of 30 min, last value 5 s ago" in lines
    assert any(line.startswith("Server   window 1970-01-01 ") and "10 min ago" in line for line in lines)
    assert "Disk     2.0 GB free" in lines
    assert "Clock    right, confirmed by the server 60 s ago" in lines
    assert lines[-2:] == [
        "* Kitchen (/dev/ttyUSB0, unit 3)",
        "  Power       12.5  W     5 s   90%  ▁▅ █",
    ]


def test_what_is_wrong_comes_next_and_its_device_before_the_others() -> None:
    devices = [device("Kitchen", measurement()), device("Cellar", SILENT, link="/dev/ttyUSB1")]
    lines = shown(devices, troubles=[trouble("Cellar (unit 3 on /dev/ttyUSB1)", "no answer")])
    assert lines[:2] == [
        "Something is wrong. Devices that answer: 1 of 2.",
        "- Cellar (unit 3 on /dev/ttyUSB1): no answer",
    ]
    assert [line for line in lines if line.startswith(("!", "*"))] == [
        *("! Cellar (/dev/ttyUSB1, unit 3)", "* Kitchen (/dev/ttyUSB0, unit 3)")
    ]


@pytest.mark.parametrize(
    ("devices", "verdict"),
    [
        ([], "There is no device to read."),
        (
            [device("Kitchen", measurement(answers=False, at=None, value=None, reads=0))],
            "Nothing has been read yet. Devices: 1.",
        ),
        # Its window was just closed: the reads are counted anew.
        ([device("Kitchen", measurement(answers=False, reads=0))], "Something is wrong. Devices that answer: 0 of 1."),
        (
            [device("Kitchen", measurement(), measurement("Energy", answers=False))],
            "Something is wrong. Devices that answer: 1 of 1.",
        ),
    ],
)
def test_the_verdict_says_how_it_is(devices: list[dict[str, Any]], verdict: str) -> None:
    assert shown(devices)[0] == verdict


def test_a_link_that_is_down_makes_its_devices_fail_before_they_were_read() -> None:
    unread = measurement(answers=False, at=None, value=None, reads=0)
    links = [{"name": "/dev/ttyUSB0", "up": False, "cause": "it is not there", "last_good_reading": None}]
    state = BoxState({**TOP, "links": links}, [device("Kitchen", unread)])
    assert (state.silent, state.devices[0].cause) == (1, "it is not there")


def test_where_the_daemon_is_down_that_is_the_verdict() -> None:
    lines = shown([device("Kitchen", measurement())], ("The service does not run.", "This is from a file."))
    assert lines[:2] == ["The service does not run.", "This is from a file."]
    assert "All is well" not in "".join(lines)
    assert "all this as known at" in words(lines)


def test_what_waits_and_what_was_refused_is_told() -> None:
    text = words(shown([], backlog_windows=3, backlog_bytes=1500, rejected_deliveries=2))
    assert "windows that wait: 3 (1.5 kB)" in text
    assert "refused for good: 2 (inviseobox rejected)" in text
    assert "windows that wait: 3 Disk" in words(shown([], backlog_windows=3, backlog_bytes=None))


def many(count: int, each: int, failing: int) -> list[dict[str, Any]]:
    return [
        device(f"D{place:04}", *[SILENT if place >= count - failing else measurement() for _ in range(each)])
        for place in range(count)
    ]


@pytest.mark.parametrize(("count", "each", "failing"), [(1000, 5, 0), (1000, 5, 3), (1000, 5, 400), (50, 100, 2)])
def test_of_many_measurements_those_in_trouble_come_first_and_the_rest_is_folded(
    count: int, each: int, failing: int
) -> None:
    lines = shown(many(count, each, failing))
    assert len(lines) < MOST_ROWS + 40
    named = [line for line in lines if line.startswith(("! D", "* D"))]
    assert all(line.startswith("! D") for line in named[: min(failing, 3)])
    text = "\n".join(lines)
    if failing > 100:
        assert "! more devices of which something does not answer: 390" in text
    assert ("* devices without trouble: " in text) == (count - failing > 20)
    assert "inviseobox status NAME" in text


def test_what_was_chosen_is_shown_whole_with_its_cause() -> None:
    troubles = [trouble("x", "no answer", INVISEOBOX_DEVICE_ID="id of D0001, id of D0002")]
    lines = shown(many(20, 5, 19), view=View(80, FULL, NOW, is_chosen=True), troubles=troubles)
    assert sum(line.startswith("  Power") for line in lines) == 100
    assert sum(line == "  no answer" for line in lines) == 2


@pytest.mark.parametrize("key", ["interval", "disk_free", "backlog_windows", "backlog_bytes", "rejected_deliveries"])
def test_a_count_that_cannot_be_one_is_left_out(key: str) -> None:
    usual: dict[str, Any] = {"backlog_windows": 1, "backlog_bytes": 10}
    assert shown([], (), None, **{**usual, key: 10**400}) == shown([], (), None, **{**usual, key: None})


@pytest.mark.parametrize("cells", [40, 80])
@pytest.mark.parametrize("glyphs", [FULL, CONSOLE, ASCII])
def test_hostile_names_leave_the_columns_where_they_are(cells: int, glyphs: Glyphs) -> None:
    devices = [device(name, measurement(name, unit=name), link=name) for name in HOSTILE]
    troubles = [trouble(name, name) for name in HOSTILE]
    lines = shown(devices, view=View(cells, glyphs, NOW), troubles=troubles, version=HOSTILE[0])
    assert all(cell_len(line) <= cells and line.isprintable() for line in lines)
    rows = [line for line in lines if line.startswith("  ") and " 12.5" in line]
    assert len(rows) == len(HOSTILE)
    assert len({cell_len(row[: row.rindex(" 12.5")]) for row in rows}) == 1
    if glyphs.is_ascii:
        assert all(line.isascii() for line in lines)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*TOP, "fields", "name"]), inner),
    max_leaves=8,
)
KEYS = [*TOP, "backlog_bytes"]
OF_A_DEVICE = ["_id", "name", "link", "units", "measurements"]
OF_A_MEASUREMENT = [*measurement()]


@given(
    st.dictionaries(st.sampled_from(KEYS), JSON),
    st.dictionaries(st.sampled_from(OF_A_DEVICE), JSON),
    st.dictionaries(st.sampled_from(OF_A_MEASUREMENT), JSON),
)
def test_whatever_stands_in_a_status_is_shown_in_some_way(
    top: dict[str, Any], one: dict[str, Any], of_it: dict[str, Any]
) -> None:
    for devices in ([one], [{**one, "measurements": [of_it]}]):
        lines = list(status_lines(BoxState(top, devices), (), View(80, FULL, NOW)))
        assert lines[0].text
        assert all(line.text.isprintable() for line in lines)
        assert lines[0].tone is not Tone.PLAIN
